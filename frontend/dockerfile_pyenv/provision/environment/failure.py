"""Why an install failed, in words for people: from what uv wrote.

Pure text to text. The patterns are uv 0.13's own words (crates/uv-resolver/src/pubgrub/report.rs,
crates/uv-build-frontend/src/error.rs, crates/uv-client/src/error.rs), as recorded from failing installs in
tests/unit/provision/failures. What none of them fits is repeated in uv's words.
"""

from __future__ import annotations

import re
from typing import Callable, List, Match, NamedTuple, Tuple

NO_PACKAGE = "no such package"
NO_VERSION = "no such version"
REFUSED = "refused access"

_CREDENTIALS = re.compile(r"://[^/@\s]+@")
_CAUSE = re.compile(r"^ *cause: ?", re.MULTILINE)
_LONGEST = 600
"""Characters of uv's explanation that are repeated; the whole stands above it in the log."""

_INDEX = "the package index"
_REACH = "check the address in the stage's pip or uv settings, and that the build has a way to it (proxy, --network)"
_CREDENTIAL_ADVICE = (
    "give the line credentials that may read it, as a secret of the build: --secret=id=netrc, or "
    "--secret=id=UV_INDEX_<NAME>_PASSWORD with the user's name in UV_INDEX_<NAME>_USERNAME"
)


class Failure(NamedTuple):
    """What went wrong with which package, and what to do."""

    package: str
    """As uv names it: "pandas==9.0", "pandas"; "" where no one package is to blame."""
    reason: str
    advice: str
    kind: str = ""
    """NO_PACKAGE or NO_VERSION, about which uv can be asked more."""


def explain(log: str, python: str) -> Failure:
    """Explain what uv wrote to its standard error. `python` is the X.Y of the environment."""
    log = _CREDENTIALS.sub("://***@", log)
    for pattern, make in _KNOWN:
        match = pattern.search(log)
        if match:
            return make(match, log, python)
    return Failure("", _own_words(log), "")


def paragraph(failure: Failure) -> List[str]:
    """Lines for the end of the step's log, the first of which goes behind what could not be installed."""
    lines = [failure.package or "see above", f"  why: {failure.reason}"]
    if failure.advice:
        lines.append(f"  do:  {failure.advice}")
    return lines


def building(line: str) -> str:
    """Name the package that a line of uv's says it builds from source; "" for any other line."""
    match = re.match(r" +Building (\S+)", line)
    return match[1] if match else ""


def with_nearest(failure: Failure, below: str, above: str) -> Failure:
    """Add the versions that exist around one that does not; "" for none."""
    near = " and ".join(version for version in (below, above) if version)
    if not near:
        return failure
    exist = "the nearest that exist are" if below and above else "the nearest that exists is"
    return failure._replace(reason=f"{failure.reason}: {exist} {near}", advice="write one that exists")


def _own_words(log: str) -> str:
    """Uv's error with its causes, on one line."""
    start = log.find("error: ")
    text = log[start + len("error: ") :] if start >= 0 else log
    return _brief(_CAUSE.sub("", text))


def _explanation(log: str) -> str:
    """What uv's resolver has to say, without its first sentence and its hints."""
    text = log.partition("cause: ")[2].partition("\nhint:")[0]
    return _brief(text)


def _brief(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _hint(log: str) -> str:
    return " ".join(log.partition("\nhint:")[2].split())


_Make = Callable[[Match[str], str, str], Failure]


class _Lack(NamedTuple):
    """What a build from source may lack."""

    pattern: str
    words: str
    """With {} for what the pattern's groups name."""
    advice: str


_ABOVE = "use a version of it that has a wheel, or install {} in a RUN above this line"
_LACKS = (
    _Lack(
        r"No such file or directory: '(?:\S*/)?(?:\S+-)?(?:cc|gcc|g\+\+|c\+\+|clang(?:\+\+)?)'"
        r"|[Uu]nable to execute '?\S*(?:gcc|cc|g\+\+)|command '\S*(?:gcc|cc|g\+\+)' failed: No such file"
        r"|Unknown compiler\(s\)|No CMAKE_C(?:XX)?_COMPILER could be found",
        "there is no compiler to build it from source",
        _ABOVE.format("a compiler (on Debian and Ubuntu gcc, g++ and libc6-dev)")
        + ", or build its wheel in another stage and COPY it here",
    ),
    _Lack(
        r"[Cc]an't find Rust compiler|No such file or directory: '(?:rustc|cargo)'|cargo, the Rust package manager",
        "there is no Rust compiler to build it from source",
        _ABOVE.format("Rust (rustc and cargo)") + ", or build its wheel in another stage and COPY it here",
    ),
    _Lack(
        r"fatal error: (\S+\.h(?:pp)?): No such file",
        "building it from source lacks the header {}",
        _ABOVE.format("the library's development package"),
    ),
    _Lack(
        r"(\S+) (?:executable|command) not found|([\w-]+): (?:command )?not found",
        "building it from source needs the program {}",
        _ABOVE.format("the package that holds the program"),
    ),
)


def _build(match: Match[str], log: str, python: str) -> Failure:
    none = f"it has no wheel for Python {python} on this platform, and "
    for lack in _LACKS:
        found = re.search(lack.pattern, log)
        if found:
            named = next((group for group in found.groups() if group), "")
            return Failure(match[1], none + lack.words.format(named.strip("'\"`:")), lack.advice)
    return Failure(
        match[1],
        f"{none}building it from source failed: {_last(log)}",
        "use a version of it that has a wheel, or add above this line what its build needs; the build's own words "
        "stand above",
    )


def _last(log: str) -> str:
    """The last line that a build itself wrote."""
    text = re.split(r"\nhint:", log, maxsplit=1)[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _brief(lines[-1]) if lines else ""


def _backend(match: Match[str], log: str, python: str) -> Failure:
    return Failure(
        match[1],
        f"it has no wheel for Python {python} on this platform, and what building it from source needs is not to be "
        f"had: {_explanation(log).rpartition('cause: ')[2]}",
        "put the build requirements, such as setuptools, on the index, or a wheel of the package",
    )


def _hash(match: Match[str], log: str, python: str) -> Failure:
    del python
    found = re.findall(r"sha\d+:[0-9a-f]+", log)
    got = f" (the download's is {found[-1]})" if found else ""
    return Failure(
        match[1],
        f"the index's file has another hash than the requirements file{got}",
        "find out which of the two is right: lock the requirements anew only if the new file is to be trusted",
    )


def _status(match: Match[str], log: str, python: str) -> Failure:
    del log, python
    status = match["status"]
    if status[:3] in {"401", "403", "407"}:
        return Failure(_INDEX, f"{match['url']} {REFUSED} ({status})", _CREDENTIAL_ADVICE)
    return Failure(_INDEX, f"{match['url']} answered {status}", "try again, or ask who runs the index")


def _fetch(match: Match[str], log: str, python: str) -> Failure:
    del python
    url, causes = match[1], " ".join(log[match.end() :].split())
    if re.search(r"peer certificate|certificate verify|self.signed", causes):
        reason = causes.rpartition("certificate: ")[2].partition(" ")[0]
        return Failure(
            _INDEX,
            f"the certificate of {url} is not trusted ({reason})",
            "let the image trust the authority that signed it: install its certificate above this line, name it with "
            "PIP_CERT or SSL_CERT_FILE, or give it to the line: --secret=id=ca,env=SSL_CERT_FILE",
        )
    if "dns error" in causes:
        return Failure(_INDEX, f"the host of {url} is not known in this build", _REACH)
    last = causes.rpartition("cause: ")[2].partition(" hint:")[0]
    return Failure(_INDEX, f"{url} cannot be reached: {_brief(last)}", _REACH)


def _other_wheels(match: Match[str], log: str, python: str) -> Failure:
    package, kind = match[1], match[2]
    there = re.search(r"(?:following [\w ]+?tags?|platforms?): (.+)", _hint(log))
    have = f"; there are wheels for {there[1].replace('`', '')}" if there else ""
    what = f"Python {python}" if kind.startswith(("Python", "ABI")) else "this platform"
    return Failure(
        package,
        f"it has neither a wheel for {what} nor a source distribution{have}",
        "use a version of the package that supports it, or another version of Python on the PYENV line",
    )


def _only_binary(match: Match[str], log: str, python: str) -> Failure:
    del log
    return Failure(
        match[1],
        f"it has no wheel for Python {python} on this platform, and the settings forbid building it from source",
        "use a version of it that has a wheel, or lift the setting (PIP_ONLY_BINARY, UV_NO_BUILD, --only-binary)",
    )


def _python(match: Match[str], log: str, python: str) -> Failure:
    by = re.search(r"because (\S+) depends on (\S+)", log)
    through = f", which {by[1]} needs," if by else ""
    return Failure(
        match["package"],
        f"this package{through} is for Python {match['wanted']}, and the environment has {python}",
        "write an older version of it, or another version of Python on the PYENV line",
    )


def _no_version(match: Match[str], log: str, python: str) -> Failure:
    del log, python
    return Failure(match[1], "no index has this version", "write one that exists", NO_VERSION)


def _no_package(match: Match[str], log: str, python: str) -> Failure:
    del python
    hint = _hint(log)
    refused = re.search(r"\((?P<url>\S+?)\).*?\b(?P<status>40[13] [A-Z]\w+)", hint)
    if refused:
        return Failure(match[1], f"the index {refused['url']} {REFUSED} ({refused['status']})", _CREDENTIAL_ADVICE)
    if "index lookups were disabled" in hint or "provided package locations" in match[0]:
        return Failure(
            match[1],
            "the settings forbid every index, and no other place has it",
            "add it to the places of --find-links, or allow an index",
        )
    return Failure(
        match[1],
        "no index has a package of this name",
        "check the name, and that the index which has it is among the stage's pip or uv settings",
        NO_PACKAGE,
    )


def _conflict(match: Match[str], log: str, python: str) -> Failure:
    del match, python
    return Failure(
        "the requirements contradict each other",
        _explanation(log),
        "loosen one of these versions, or give the packages an environment of their own",
    )


def _broken(match: Match[str], log: str, python: str) -> Failure:
    del python
    return Failure(match[1], f"the index's file is damaged: {_hint(log)}", "ask who runs the index")


def _file(match: Match[str], log: str, python: str) -> Failure:
    del log, python
    return Failure(
        match[1], "there is no such file in the image at this line", "COPY it there above this line, or mend its path"
    )


_GIT = (
    ("Git executable not found", "the image has no git", "install git in a RUN above this line"),
    (
        "could not read Username|Authentication failed|terminal prompts disabled",
        "{} wants credentials",
        "give the line a netrc file that may read it, as a secret of the build: --secret=id=netrc",
    ),
    (
        "Host key verification failed",
        "ssh does not know the host of {}",
        (
            "put its key into /etc/ssh/ssh_known_hosts in a RUN above this line (ssh-keyscan prints it), or give the "
            "line a list: --mount=type=secret,id=known_hosts,target=/root/.ssh/known_hosts"
        ),
    ),
    (
        r"Permission denied \(",
        "{} wants a key of ssh that may read it",
        "hand over an agent that has it: --mount=type=ssh on the line, and docker build --ssh default",
    ),
)


def _git(match: Match[str], log: str, python: str) -> Failure:
    del match, python
    url = re.search(r"git fetch .*?'(\S+://\S+)'", log)
    for pattern, reason, advice in _GIT:
        if re.search(pattern, log):
            return Failure("a git URL", reason.format(url[1] if url else "the repository"), advice)
    return Failure("a git URL", _own_words(log), "check the address, and that the build may read it")


def _missing_hash(match: Match[str], log: str, python: str) -> Failure:
    del log, python
    return Failure(
        match[1],
        "one requirement has a hash, so all need one",
        "add hashes to all, those of dependencies included: uv pip compile --generate-hashes",
    )


_KNOWN: Tuple[Tuple["re.Pattern[str]", _Make], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"`([^`]+)`\n +cause: Failed to resolve requirements from .*? build", _backend),
        (r"(?:Failed to build|Build failed for) `([^`]+)`", _build),
        (r"Hash mismatch for `([^`]+)`", _hash),
        (r"all requirements must have a hash, but none were provided for: (\S+)", _missing_hash),
        (r"HTTP status \w+ error \((?P<status>[^)]+)\) for url \((?P<url>[^)]+)\)", _status),
        (r"Failed to (?:fetch|download): `?([^\s`]+)", _fetch),
        (r"Distribution not found at: (?:file://)?(\S+)", _file),
        (r"Git operation failed", _git),
        (r"(\S+) has no wheels with a matching (.+?) tag", _other_wheels),
        (r"(\S+) has no usable wheels", _only_binary),
        (r"(?P<package>\S+) requires Python (?P<wanted>\S+)", _python),
        (
            r"the current Python version \([^)]+\) does not satisfy Python(?P<wanted>\S+) and (?P<package>\S+) depends",
            _python,
        ),
        (r"there is no version of (\S+)", _no_version),
        (r"(\S+) was not found in the (?:package registry|provided package locations)", _no_package),
        (r"(\S+) has an invalid package format", _broken),
        (r"No solution found when resolving dependencies", _conflict),
    )
)
