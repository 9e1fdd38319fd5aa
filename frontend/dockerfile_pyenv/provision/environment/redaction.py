"""What no log and no file of the image may show: passwords and tokens, wherever the step knows them from."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Callable, Iterable, Iterator, List, Mapping
from urllib.parse import unquote

HIDDEN = "****"
"""As uv and pip write it."""

SHORTEST = 4
"""Characters that a value must have to be looked for: shorter ones stand in too many words."""

LONGEST = 8192
"""Bytes of a file that may be one secret value; what is longer is no password."""

USERINFO = re.compile(r"(?P<before>\w://)(?P<userinfo>[^/@\s]+)@")
SENSITIVE = re.compile(r"(?i)(?:^|_)(?:api_?key|auth|credential|pass|passwd|password|pword|secret|token)s?(?:_|$)")
"""Names of variables that hold what is not to be shown: the Dockerfile frontend warns about them in ENV and ARG."""

MOUNTED = Path("/run/secrets")
"""Where `--mount=type=secret` puts what has no target."""


class Redactor:
    """Replaces values that are not to be seen, in text."""

    def __init__(self, values: Iterable[str]) -> None:
        found = {form for value in values for form in _forms(value.strip()) if len(form) >= SHORTEST}
        # The longest first: one may be the beginning of another.
        words = sorted(found, key=lambda value: (-len(value), value))
        self._pattern = re.compile("|".join(map(re.escape, words)) or r"(?!)")

    def __call__(self, text: str) -> str:
        """Return a text without the values, and without credentials in any URL."""
        return USERINFO.sub(_hide, self._pattern.sub(HIDDEN, text))


def values(environ: Mapping[str, str], names: Iterable[str], texts: Iterable[str]) -> Iterator[str]:
    """Find what is not to be seen.

    `environ` are the step's variables, `names` those of them that a secret stands for, `texts` what is in netrc files
    and pip.conf files.
    """
    named = frozenset(names)
    for name, value in environ.items():
        if name in named or (SENSITIVE.search(name) and not _is_plain(value)):
            yield value
        yield from _userinfo(value)
    for text in texts:
        yield from _userinfo(text)
        # A netrc file's password is the word that follows this one (GNU inetutils' netrc(5)).
        yield from re.findall(r"(?:^|\s)(?:password|account)\s+(\S+)", text)
    for path in sorted(MOUNTED.iterdir()) if MOUNTED.is_dir() else ():
        if path.is_file() and path.stat().st_size <= LONGEST:
            yield path.read_text("utf-8", "replace")


def direct_urls(packages: Iterable[Path], redact: Callable[[str], str]) -> None:
    """Take credentials out of the URLs that packages were installed from (PEP 610), and mend RECORD accordingly.

    `packages` are dist-info directories.
    """
    for path in (directory / "direct_url.json" for directory in packages):
        if not path.is_file():
            continue
        text = path.read_text("utf-8")
        clean = json.dumps(_clean(json.loads(text), redact), separators=(",", ":"))
        if json.loads(clean) == json.loads(text):
            continue
        path.write_text(clean, encoding="utf-8")
        _record(path.with_name("RECORD"), f"{path.parent.name}/{path.name}", clean.encode())


def url(text: str, redact: Callable[[str], str]) -> str:
    """Return a URL without credentials: PEP 610 keeps the user `git` of ssh, which everybody has, and ${VARIABLES}."""
    return redact(USERINFO.sub(_strip, text))


def _clean(value: object, redact: Callable[[str], str]) -> object:
    if isinstance(value, dict):
        return {key: _clean(one, redact) for key, one in value.items()}
    return url(value, redact) if isinstance(value, str) else value


def _strip(match: re.Match[str]) -> str:
    return match[0] if _is_public(match["userinfo"]) else match["before"]


def _hide(match: re.Match[str]) -> str:
    userinfo = match["userinfo"]
    if _is_public(userinfo) or HIDDEN in userinfo:
        return match[0]
    user, colon, _ = userinfo.partition(":")
    return f"{match['before']}{user + colon if colon else ''}{HIDDEN}@"


def _is_public(userinfo: str) -> bool:
    return userinfo == "git" or re.fullmatch(r"\$\{\w+\}(?::\$\{\w+\})?", userinfo) is not None


def _userinfo(text: str) -> Iterator[str]:
    for match in USERINFO.finditer(text):
        user, colon, password = match["userinfo"].partition(":")
        if colon:
            yield from (password, unquote(password), unquote(match["userinfo"]))
        elif user != "git":
            yield from (user, unquote(user))


def _is_plain(value: str) -> bool:
    """Whether a value is a word or a path, such as the `airflow` of a demo's password: it would hide half the log."""
    return value.isalpha() or value.startswith("/")


def _forms(value: str) -> List[str]:
    """Return a value, its longer lines, and how it stands in a header of HTTP's basic authentication."""
    lines = [line.strip() for line in value.splitlines()]
    encoded = base64.b64encode(value.encode("utf-8", "replace")).decode()
    return [value, *(line for line in lines if len(line) > 2 * SHORTEST), encoded]


def _record(record: Path, name: str, data: bytes) -> None:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    lines = record.read_text("utf-8").splitlines(keepends=True)
    entry = f"{name},sha256={digest},{len(data)}\n"
    record.write_text("".join(entry if line.startswith(f"{name},") else line for line in lines), encoding="utf-8")
