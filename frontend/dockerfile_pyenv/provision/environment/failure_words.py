"""What a failed install is told with: the reason, the advice, and uv's own words cut to a length."""

from __future__ import annotations

import re
from typing import NamedTuple

NO_PACKAGE = "no such package"
NO_VERSION = "no such version"
WRONG_HASH = "wrong hash"
DENIED = "denied access"

_CAUSE = re.compile(r"^ *cause: ?", re.MULTILINE)
LONGEST = 600
"""Maximum length of uv's explanation here; the log has all of it above."""

_NOT_HERE = ("--no-build-isolation", "tool.uv", "pyproject.toml", "exclude-newer-package", "uv build")
"""What uv's hints may name that has no effect here."""

MEMORY_ADVICE = (
    "give the engine more memory, or build less at the same time (max-parallelism of the builder); dmesg on its "
    "machine names the processes that were killed"
)
PROXY_ADVICE = (
    "pass the proxy with user and password to the line as a build secret: --secret=id=proxy,env=HTTPS_PROXY, or as the "
    "build argument HTTPS_PROXY"
)
SLOW_ADVICE = "retry, or set a longer timeout above this line, in seconds: ENV UV_HTTP_TIMEOUT=300"
IN_STAGE = "in a RUN above this line, or name a stage or image that has it: --builder=<stage or image>"
IN_BUILDER = "in the builder"
"""Where to install what a build lacks, without and with --builder."""
INDEX = "the package index"
PIP_ADVICE = "use another version, or try pip, which is less strict: --installer=pip on the PYENV line"
CERTIFICATE_ADVICE = (
    "install the CA certificate in a RUN above this line, set PIP_CERT or SSL_CERT_FILE to its path, or pass it to the "
    "line as a build secret: --secret=id=ca,env=SSL_CERT_FILE"
)
REACH = "check the URL in the stage's pip or uv settings, and the build's network access (proxy, --network)"
CREDENTIAL_ADVICE = (
    "pass credentials with read access to the line as a build secret: --secret=id=netrc, or "
    "--secret=id=UV_INDEX_<NAME>_PASSWORD with the user name in UV_INDEX_<NAME>_USERNAME"
)


class Failure(NamedTuple):
    """What failed for which package, and what to do."""

    package: str
    """As uv names it: "pandas==9.0", "pandas"; "" if no single package failed."""
    reason: str
    advice: str
    kind: str = ""
    """NO_PACKAGE, NO_VERSION or WRONG_HASH, of which more can be found out."""


def without_hints(text: str) -> str:
    """Return what uv wrote without the hints that nobody can follow here: uv reads no configuration, and has no flags.

    A hint ends where the next one begins.
    """
    start, *hints = re.split(r"(?m)^(?=hint: )", text)
    kept = [hint for hint in hints if not any(word in hint for word in _NOT_HERE)]
    return start.rstrip("\n") + "\n" * (start[-1:] == "\n") if hints and not kept else start + "".join(kept)


def own_words(log: str) -> str:
    """Return uv's error with its causes, on one line."""
    start = log.find("error: ")
    text = without_hints(log[start + len("error: ") :] if start >= 0 else log)
    return brief(_CAUSE.sub("", text))


def explanation(log: str) -> str:
    """Return the resolver's explanation, without its first sentence and its hints."""
    text = log.partition("cause: ")[2].partition("\nhint:")[0]
    return brief(text)


def brief(text: str, longest: int = LONGEST) -> str:
    """Return a text on one line, no longer than `longest`."""
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def hint_of(log: str) -> str:
    """Return uv's hint, on one line."""
    return " ".join(log.partition("\nhint:")[2][: 10 * LONGEST].split())
