"""The failures that are known, by uv's and pip's messages, and what to say about each.

The patterns match uv 0.13's messages (crates/uv-resolver/src/pubgrub/report.rs, crates/uv-build-frontend/src/error.rs,
crates/uv-client/src/error.rs), as recorded from failing installs in tests/unit/provision/failures.
"""

from __future__ import annotations

import re
from typing import Callable, Match, NamedTuple, Optional, Tuple

import dates
import old_builds
import other_wheels
from failure_words import (
    CERTIFICATE_ADVICE,
    CREDENTIAL_ADVICE,
    DENIED,
    IN_STAGE,
    INDEX,
    LONGEST,
    MEMORY_ADVICE,
    NO_PACKAGE,
    NO_VERSION,
    PIP_ADVICE,
    PROXY_ADVICE,
    REACH,
    SLOW_ADVICE,
    WRONG_HASH,
    Failure,
    brief,
    explanation,
    hint_of,
    own_words,
)

_Make = Callable[[Match[str], str, str], Failure]


class _Lack(NamedTuple):
    """Something that a source build may lack."""

    pattern: str
    words: str
    """With {} for what a group of the pattern matched."""
    advice: str


_ABOVE = f"use a version that has a wheel, or install {{}} {IN_STAGE}"
MACHINE = (
    _Lack(
        r"signal: 9(?: \(|, )SIGKILL|died with <Signals\.SIGKILL|Killed signal terminated program"
        r"|exit (?:status|code):? (?:137|-9)\b|exit status -9\b|compiler error: Killed"
        r"|unable to execute command: Killed|terminated (?:by|with) signal 9\b|(?m:^ *Killed$)",
        "its build was killed (SIGKILL), most likely because memory ran out",
        MEMORY_ADVICE,
    ),
    _Lack(
        r"out of memory|Cannot allocate memory|virtual memory exhausted|(?m:^ *MemoryError\b)",
        "its build ran out of memory",
        MEMORY_ADVICE,
    ),
    _Lack(
        r"No space left on device",
        "its build found no space left on the engine's disk",
        "free space on the engine's machine: docker builder prune removes old build cache",
    ),
)
"""What a build, or an install, finds too little of on the engine's machine."""
LACKS = (
    *MACHINE[:1],
    _Lack(
        r"No such file or directory: '(?:[^\s']*/)?(?:[^\s'/]+-)?(?:cc|gcc|g\+\+|c\+\+|clang(?:\+\+)?)'"
        r"|[Uu]nable to execute '?[^\s']*(?:gcc|cc|g\+\+)"
        r"|command '[^\s']*(?:gcc|cc|g\+\+)' failed: No such file"
        r"|Unknown compiler\(s\)|No CMAKE_C(?:XX)?_COMPILER could be found",
        "the image has no compiler to build it from source",
        _ABOVE.format("a compiler (on Debian and Ubuntu gcc, g++ and libc6-dev, on Alpine build-base)"),
    ),
    _Lack(
        r"[Cc]an't find Rust compiler|No such file or directory: '(?:rustc|cargo)'|cargo, the Rust package manager",
        "the image has no Rust compiler to build it from source",
        _ABOVE.format("Rust (rustc and cargo)"),
    ),
    _Lack(
        r"fatal error: (\S+\.h(?:pp)?): No such file",
        "building it from source requires the header {}",
        _ABOVE.format("the library's development package"),
    ),
    _Lack(
        r"(?<!\S)(\S+) (?:executable|command) not found|(?<![\w-])([\w-]+): (?:command )?not found",
        "building it from source requires the program {}",
        _ABOVE.format("the package that has the program"),
    ),
    *MACHINE[1:],
)


def _build(match: Match[str], log: str, python: str) -> Failure:
    none = f"it has no wheel for Python {python} on this platform, and "
    for lack in LACKS:
        found = re.search(lack.pattern, log)
        if found:
            named = next((group for group in found.groups() if group), "")
            return Failure(match[1], none + lack.words.format(named.strip("'\"`:")), lack.advice)
    old = old_builds.explain(match[1], none, log)
    if old:
        return old
    return Failure(
        match[1],
        f"{none}building it from source failed: {_last(log)}",
        f"use a version that has a wheel, or install what its build requires {IN_STAGE}. Its output is above",
    )


def of_machine(log: str) -> Optional[Failure]:
    """Explain that the machine had too little memory or space for an install; None if nothing says so."""
    found = next((lack for lack in MACHINE if re.search(lack.pattern, log)), None)
    return found and Failure("", found.words.replace("its build", "the install"), found.advice)


def _machine(match: Match[str], log: str, python: str) -> Failure:
    del match, python
    return of_machine(log) or Failure("", own_words(log), "")


def _last(log: str) -> str:
    """Return the last line that a build itself wrote."""
    text = re.split(r"\nhint:", log, maxsplit=1)[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return brief(lines[-1]) if lines else ""


def _backend(match: Match[str], log: str, python: str) -> Failure:
    return Failure(
        match[1],
        f"it has no wheel for Python {python} on this platform, and its build requirements are not available: "
        f"{explanation(log).rpartition('cause: ')[2]}",
        "add the build requirements, such as setuptools, to the index, or a wheel of the package",
    )


def _hash(match: Match[str], log: str, python: str) -> Failure:
    del python
    found = re.findall(r"sha\d+:[0-9a-f]+", log)
    return wrong_hash(match[1], found[-1] if found else "")


def wrong_hash(package: str, downloaded: str) -> Failure:
    """A file of the index that has another hash than the requirements files say."""
    got = f" (downloaded: {downloaded})" if downloaded else ""
    return Failure(
        package,
        f"the hash of the index's file does not match the requirements file{got}",
        "find out which of the two is right; lock the requirements again only if you trust the new file",
        WRONG_HASH,
    )


def _status(match: Match[str], log: str, python: str) -> Failure:
    del log, python
    status = match["status"]
    if status.startswith("407"):
        return Failure("the proxy", f"it {DENIED} to {match['url']} ({status})", PROXY_ADVICE)
    if status[:3] in {"401", "403"}:
        return Failure(INDEX, f"{match['url']} {DENIED} ({status})", CREDENTIAL_ADVICE)
    return Failure(INDEX, f"{match['url']} returned {status}", "retry, or contact the index's administrator")


UNTRUSTED = re.compile(r"peer certificate|certificate verify|self.signed")


def _fetch(match: Match[str], log: str, python: str) -> Failure:
    del python
    url, causes = match[1], " ".join(log[match.end() :].split())
    if UNTRUSTED.search(causes):
        reason = causes.rpartition("certificate: ")[2].partition(" ")[0]
        return Failure(
            INDEX,
            f"the certificate of {url} is not trusted ({reason})",
            CERTIFICATE_ADVICE,
        )
    if "timed out" in causes or "timeout" in causes.lower():
        return Failure(INDEX, f"{url} did not answer in time", SLOW_ADVICE)
    if "dns error" in causes:
        return Failure(INDEX, f"cannot resolve the host of {url}", REACH)
    last = causes.rpartition("cause: ")[2].partition(" hint:")[0]
    return Failure(INDEX, f"cannot reach {url}: {brief(last)}", REACH)


def _only_binary(match: Match[str], log: str, python: str) -> Failure:
    del log
    return Failure(
        match[1],
        f"it has no wheel for Python {python} on this platform, and the settings disable source builds",
        "use a version that has a wheel, or remove the setting (PIP_ONLY_BINARY, UV_NO_BUILD, --only-binary)",
    )


def _python(match: Match[str], log: str, python: str) -> Failure:
    by = re.search(r"because (\S+) depends on (\S+)", log)
    subject = f"{by[1]} depends on it, but it" if by else "it"
    return wrong_python(match["package"], match["wanted"], python, subject)


def wrong_python(package: str, wanted: str, python: str, subject: str) -> Failure:
    """A package that requires another Python than the environment's; `subject` stands for it in the reason."""
    return Failure(
        package,
        f"{subject} requires Python {wanted}; the environment has Python {python}",
        "use an older version of it, or another Python version on the PYENV line",
    )


def _no_version(match: Match[str], log: str, python: str) -> Failure:
    del log, python
    package, plus, local = match[1].partition("+")
    if plus:
        host = "https://download.pytorch.org/whl/" if package.startswith("torch") else "https://…/"
        return Failure(
            match[1],
            f"no index has this version: local versions, such as +{local}, are on an index of their own",
            f"name that index in a requirements file (--extra-index-url {host}{local}), or remove +{local}",
        )
    return Failure(match[1], "no index has this version", "use an available version", NO_VERSION)


def _no_package(match: Match[str], log: str, python: str) -> Failure:
    del python
    hint = hint_of(log)
    refused = re.search(r"\((?P<url>[^\s()]+)\).{0,300}?\b(?P<status>40[13] [A-Z]\w+)", hint)
    if refused:
        return Failure(match[1], f"the index {refused['url']} {DENIED} ({refused['status']})", CREDENTIAL_ADVICE)
    if "index lookups were disabled" in hint or "provided package locations" in match[0]:
        return Failure(
            match[1],
            "the settings disable all indexes, and no --find-links location has it",
            "add it to a --find-links location, or allow an index",
        )
    return Failure(
        match[1],
        "no index has a package with this name",
        "check the name, and that the stage's pip or uv settings name an index that has it",
        NO_PACKAGE,
    )


def _conflict(match: Match[str], log: str, python: str) -> Failure:
    del match, python
    return Failure(
        "the requirements are incompatible",
        explanation(log),
        "relax one of these versions, or install the packages in separate environments",
    )


def _broken(match: Match[str], log: str, python: str) -> Failure:
    del python
    hint = hint_of(log)
    if "Failed to read from zip file" in hint:  # uv says the same of a connection that breaks off
        return Failure(
            match[1],
            f"the index's file is damaged, or its download stalled or broke off: {hint}",
            f"{SLOW_ADVICE}. If it fails again, contact the index's administrator",
        )
    return Failure(match[1], f"the index's file is damaged: {hint}", "contact the index's administrator")


def _metadata(match: Match[str], log: str, python: str) -> Failure:
    del python
    return Failure(match[1], f"uv rejects its metadata: {_refusal(log)}", PIP_ADVICE)


def _wheel_name(match: Match[str], log: str, python: str) -> Failure:
    del log, python
    return Failure(match["package"], f"uv rejects its metadata: {brief(match['reason'])}", "use another version")


def _refusal(log: str) -> str:
    """Return why uv rejects metadata, on one line, without the line that marks a place in the one above."""
    lines = log.partition("\nhint: Metadata for ")[2][: 10 * LONGEST].splitlines()[1:]
    words = [line.strip() for line in lines if line.strip(" ^~")]
    return brief(": ".join(words)) or "it is not valid"


def _file(match: Match[str], log: str, python: str) -> Failure:
    del log, python
    return Failure(
        match[1], "the image does not have this file at this line", "COPY it there above this line, or fix its path"
    )


_GIT = (
    ("Git executable not found", "the image has no git", "install git in a RUN above this line"),
    (
        "could not read Username|Authentication failed|terminal prompts disabled",
        "{} requires credentials",
        "pass a netrc file with read access to the line as a build secret: --secret=id=netrc",
    ),
    (
        "Host key verification failed",
        "ssh does not know the host key of {}",
        (
            "add it to /etc/ssh/ssh_known_hosts in a RUN above this line (ssh-keyscan prints it), or mount a "
            "known_hosts file: --mount=type=secret,id=known_hosts,target=/root/.ssh/known_hosts"
        ),
    ),
    (
        r"Permission denied \(",
        "{} requires an ssh key with read access",
        "forward an agent that has one: --mount=type=ssh on the line, and docker build --ssh default",
    ),
)


def _git(match: Match[str], log: str, python: str) -> Failure:
    del match, python
    url = re.search(r"git fetch [^'\n]*'([^\s':]+://[^\s']+)'", log)
    for pattern, reason, advice in _GIT:
        if re.search(pattern, log):
            return Failure("a git URL", reason.format(url[1] if url else "the repository"), advice)
    return Failure("a git URL", own_words(log), "check the URL, and that the build has read access")


def _missing_hash(match: Match[str], log: str, python: str) -> Failure:
    del log, python
    return Failure(
        match[1],
        "one requirement has a hash, so all requirements need one",
        "add hashes to all requirements, including dependencies: uv pip compile --generate-hashes",
    )


KNOWN: Tuple[Tuple["re.Pattern[str]", _Make], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"`([^`]+)`\n +cause: Failed to resolve requirements from .*? build", _backend),
        (r"(?:Failed to build|Build failed for) `([^`]+)`", _build),
        (r"cause: (?:No space left on device|Cannot allocate memory) \(os error", _machine),
        (r"Hash mismatch for `([^`]+)`", _hash),
        (r"all requirements must have a hash, but none were provided for: (\S+)", _missing_hash),
        (r"HTTP status \w+ error \((?P<status>[^)\n]{1,99})\) for url \((?P<url>[^)\s]+)\)", _status),
        (r"Failed to (?:fetch|download): `?([^\s`]+)", _fetch),
        (r"Distribution not found at: (?:file://)?(\S+)", _file),
        (r"Git operation failed", _git),
        (r"(?<!\S)(\S+) has invalid metadata", _metadata),
        (r"Failed to install: \S+ \((?P<package>\S+)\)\n +cause: (?P<reason>Wheel [^,\n]+)", _wheel_name),
        (r"(?P<reason>Package metadata \w+ `\S+` does not match given \w+ `(?P<package>\S+)`)", _wheel_name),
        (r"(?<!\S)(\S+) ha(?:s|ve) no wheels with a matching (.+?) tag", other_wheels.explain),
        (r"(?<!\S)(\S+) has no usable wheels", _only_binary),
        (r"(?<!\S)(?P<package>\S+) requires Python (?P<wanted>\S+)", _python),
        (
            (
                r"the current Python version \([^)\n]{1,99}\) does not satisfy Python(?P<wanted>\S+) and "
                r"(?P<package>\S+) depends"
            ),
            _python,
        ),
        (r"`(?P<file>[^`\n]+)` is missing an upload date, but[\s\S]*?No solution found", dates.missing),
        (
            r"`(?P<package>[^`\n]+)` was filtered by `exclude-newer` to only include [\w ]+ (?P<date>\S+?)\.?\s",
            dates.excluded,
        ),
        (r"there is no version of (\S+)", _no_version),
        (r"(?<!\S)(\S+) was not found in the (?:package registry|provided package locations)", _no_package),
        (r"(?<!\S)(\S+) has an invalid package format", _broken),
        (r"No solution found when resolving dependencies", _conflict),
    )
)
