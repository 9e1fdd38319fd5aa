"""Finds all that may be secret in the secrets of a step.

Programs repeat secrets in parts: an error has one URL of several, one segment of its path, or a password decoded. So
all that may be secret is taken from each secret (`parts`).

Not everything in a secret is one: the address `https://me:pw@pypi.example.com/simple/` has a host, and `simple`. Part
of a URL counts as secret as follows.

- A password always does. So does a user without a password, or with one that only fills its place (`token:@`,
  `token:x-oauth-basic@`), and another user if it looks random (`looks_random`).
- A segment of the path does if it looks random, as tokens do: in eight characters or more, a digit is between letters,
  or upper and lower case are mixed. If the URL is a secret and has neither user nor password, something else in it must
  be the secret: there, each segment of eight characters or more counts, except for words that addresses of indexes
  consist of (`WORDS`). These are only looked for as a segment of a path, since they may be ordinary words.
- Values in the query likewise; shorter ones, too, under a name such as `token` or `sig`.
- A host never does. Everybody who reads the log of a build may know which host it used.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Mapping
from urllib.parse import unquote, unquote_plus

SHORTEST = 4
"""Minimum length of a value: shorter ones are part of too many words."""

TOKEN = 8
"""Minimum length of what only may be a secret. Tokens of indexes have 16 characters or more."""

LONGEST = 8192
"""Maximum size of a file that may be one secret value: a password is not longer."""

SENSITIVE = re.compile(r"(?i)(?:^|_)(?:api_?key|auth|credential|pass|passwd|password|pword|secret|token)s?(?:_|$)")
"""Names of variables that hold secrets: the Dockerfile frontend warns about them in ENV and ARG."""

SIGNATURES = frozenset({"code", "key", "sig", "signature"})
"""More names of values in the query of a URL that hold secrets."""

INDEXES = re.compile(r"(?:PIP|UV)_.*(?:INDEX|FIND_LINKS|PROXY)|.*_proxy", re.IGNORECASE)
"""Names of variables with addresses of indexes."""

MOUNTED = Path("/run/secrets")
"""Where `--mount=type=secret` mounts a secret without a target."""

PLACEHOLDERS = frozenset({"", "nopass", "oauth2", "x-access-token", "x-oauth-basic"})
"""Passwords in place of none: the user is the token (Gemfury, GitHub, GitLab)."""

WORDS = frozenset(
    {
        "api",
        "artifactory",
        "content",
        "development",
        "devpi",
        "download",
        "downloads",
        "external",
        "group",
        "groups",
        "hosted",
        "index",
        "internal",
        "local",
        "machine",
        "mirror",
        "mirrors",
        "nexus",
        "package",
        "packages",
        "packaging",
        "password",
        "private",
        "production",
        "project",
        "projects",
        "proxy",
        "public",
        "pypi",
        "python",
        "registry",
        "release",
        "releases",
        "remote",
        "repo",
        "repos",
        "repositories",
        "repository",
        "root",
        "simple",
        "snapshot",
        "snapshots",
        "stable",
        "staging",
        "username",
        "virtual",
        "wheel",
        "wheelhouse",
        "wheels",
    }
)
"""Words that addresses of indexes consist of, as their documentation has them (Artifactory, Nexus, devpi, GitLab,
Azure), and netrc files."""

_ORDINARY = re.compile(r"(?:[a-z]{1,16}|[A-Z]{1,16}|(?:[A-Z][a-z]{2,15}){1,3}|v)?(?:\d{1,2}|(?:19|20)\d\d)?|\d{1,10}")
_FRAGMENTS = re.compile(r"(?:sha\d+|md5|egg|subdirectory)=")
_ENDS = "\"'`<>()[]{},;"
_SETTING = re.compile(r"^[ \t]*(?:- |export )?[\"']?([\w.-]{1,100})[\"']?[ \t]*[=:](.*)$", re.MULTILINE)
_NETRC = re.compile(r"(?:^|(?<=\s))(password|account|login)\s+(\"(?:\\\\.|[^\"\\\\\n])*\"|\S+)")
_HOST = re.compile(r"(?:machine|trusted-host)[\s=:]+(\S+)")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SCHEME = re.compile(r"\b(https?):(?!//)[/\\]*", re.IGNORECASE)
"""What uv, like browsers, reads as `https://` (url.spec.whatwg.org)."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


class Segment(str):
    """A value that is only hidden where it is a whole segment of a path."""

    __slots__ = ()


def values(
    environ: Mapping[str, str], names: Iterable[str], texts: Iterable[str], files: Iterable[Path] = ()
) -> Iterator[str]:
    """Yield secret values.

    `environ` are the step's variables, `names` those of them that a build secret sets, `texts` the contents of netrc
    and pip.conf files, whether they are secret or not, and `files` are build secrets that are files.
    """
    named = frozenset(names)
    for name, value in environ.items():
        if name in named:
            yield from parts(value)
        elif SENSITIVE.search(name) and not _is_plain(value):
            yield value
            yield from _lines(value)
        address = value if "://" in value or not name.lower().endswith("_proxy") else f"http://{value}"
        yield from _of_urls(address, random=INDEXES.match(name) is not None)
        user, password = environ.get(re.sub(r"PASSWORD$", "USERNAME", name)), value
        if user and name.endswith("_PASSWORD"):
            yield from _pair(user, password)
    for text in texts:
        yield from _of_text(text)
    mounted = sorted(MOUNTED.iterdir()) if MOUNTED.is_dir() else []
    for path in [*files, *mounted]:
        if path.is_file() and path.stat().st_size <= LONGEST:
            yield from parts(path.read_text("utf-8", "replace"))


def parts(secret: str, *, decode: bool = True) -> Iterator[str]:
    """Yield all that may be secret in a secret: the text itself, its lines, words, and what is in its URLs.

    With `decode`, also of what the text, or a word of it, is in JSON or base64.
    """
    text = secret.lstrip("\ufeff").strip()
    lines = text.splitlines()
    yield text
    yield from _lines(text)
    hosts = set(_HOST.findall(text))
    is_value = len(lines) == 1 and not _NETRC.search(text)
    words = re.split(r"[\s\"'`,;=&|<>(){}\[\]]+", text)
    for word in words:
        if "://" not in word and word not in hosts and (looks_random(word) or (is_value and _may_be_token(word))):
            yield word
    if is_value and len(words) == 1 and ":" in text and "://" not in text:
        yield from _of_userinfo(text)
    yield from _of_text(text, secret=True)
    if decode:
        for decoded in _decoded(text):
            yield from parts(decoded, decode=False)


def _decoded(text: str) -> Iterator[str]:
    """Yield a text without escapes, as of JSON and of netrc files, and what is encoded in base64 in it."""
    if "\\" in text:
        yield _unescaped(text)
    for match in _BASE64.finditer(text):
        data = match[0].translate({ord("-"): "+", ord("_"): "/"}).rstrip("=")
        try:
            found = base64.b64decode(data + "=" * (-len(data) % 4)).decode()
        except (ValueError, binascii.Error):
            continue
        if found.replace("\n", "").isprintable():
            yield found


def _unescaped(text: str) -> str:
    def char(match: re.Match[str]) -> str:
        one = match[1]
        if len(one) == 1:
            return _ESCAPED.get(one, one)
        number = int(one[1:], 16)
        return match[0] if 0xD800 <= number < 0xE000 else chr(number)  # noqa: PLR2004 - halves of characters

    return _ESCAPE.sub(char, text)


def looks_random(text: str) -> bool:
    """Whether a text looks like a token: rather long, and not made of words, numbers, and words with a number.

    `pypi-local`, `team1`, `python-3.11` and `DataScience` do not; `t0k3n-f0r-us`, `aBcDeFgHiJkL` and UUIDs do.
    """
    return len(text) >= TOKEN and not all(map(_ORDINARY.fullmatch, re.split(r"[^A-Za-z0-9]+", unquote(text))))


def _of_text(text: str, *, secret: bool = False) -> Iterator[str]:
    """Yield what may be secret in a netrc or pip.conf file, or a text of another kind."""
    user = ""
    for match in _NETRC.finditer(text):
        word = _unescaped(match[2].strip('"')) if match[2].startswith('"') else match[2]
        if match[1] == "login":
            user = word
            if looks_random(word):
                yield word
        else:
            for one in {word, _unescaped(word)}:
                yield one
                yield f"{user}:{one}"
    for name, written in _SETTING.findall(text):
        value = written.strip().strip("\"'")
        if SENSITIVE.search(re.sub(r"[.-]", "_", name)):
            yield value
        elif name.lower() == "proxy" and "://" not in value:
            yield from _of_url(value, weak=secret)
    yield from _of_json(text)
    yield from _of_urls(text, weak=secret)


def _of_json(text: str) -> Iterator[str]:
    """Yield the values under names of secrets in a text that is JSON."""
    found: List[Dict[str, object]] = []
    if text.lstrip().startswith(("{", "[")):
        try:
            json.loads(text, object_hook=found.append)
        except (ValueError, RecursionError):
            return
    for one in found:
        for name, value in one.items():
            if isinstance(value, str) and SENSITIVE.search(re.sub(r"[.-]", "_", name)):
                yield value
                yield from _lines(value)


def _of_urls(text: str, *, random: bool = True, weak: bool = False) -> Iterator[str]:
    """Yield what may be secret in the URLs of a text: see the module's docstring.

    Without `random` only users and passwords are, with `weak` also words where the URL has no user.
    """
    for word in _SCHEME.sub(r"\1://", text).split():
        # A setting may be a list with commas. So may be a password.
        for one in dict.fromkeys([word, *re.split(r",(?=[^,]*://)", word)]):
            _, separator, rest = one.partition("://")
            if separator:
                yield from _of_url(rest.strip(_ENDS), random=random, weak=weak)


def _of_url(rest: str, *, random: bool = True, weak: bool = False) -> Iterator[str]:
    """Yield what may be secret in what follows the `//` of a URL."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    userinfo, at, _ = authority.rpartition("@")
    start = len(authority)
    if not at and "@" in rest and re.fullmatch(r"[^:\[]*:(?!\d*$).*", authority):
        # No port: the password has one of / ? # that is not encoded.
        userinfo, at, _ = rest.rpartition("@")
        start = len(userinfo)
        yield from _of_userinfo(rest.partition("@")[0])
        yield from (piece for piece in re.split(r"[/?#@:]", userinfo)[1:] if len(piece) >= SHORTEST)
    if at:
        yield from _of_userinfo(userinfo)
        if ":" in userinfo:  # likewise, if what follows is no host with a reference of git
            yield from _of_userinfo(rest.rpartition("@")[0])
    if not random:
        return
    address, _, fragment = rest[start:].partition("#")
    path, _, query = address.partition("?")
    yield from _of_path(path, weak=weak and not at)
    for pair in query.split("&") + ([] if _FRAGMENTS.match(fragment) else fragment.split("&")):
        name, equals, value = pair.partition("=")
        value = unquote_plus(value if equals else name)
        is_named = bool(SENSITIVE.search(name.replace("-", "_")) or name.lower() in SIGNATURES)
        if (equals and is_named) or looks_random(value) or (weak and not at and _may_be_token(value)):
            yield value


def _of_path(path: str, *, weak: bool) -> Iterator[str]:
    for part in re.split(r"[/;@]", path):
        name, equals, value = part.partition("=")
        if equals and SENSITIVE.search(name.replace("-", "_")):
            yield value
        if looks_random(part):
            yield part
            yield unquote(part)
        elif weak and _may_be_token(part):
            yield from (Segment(part), Segment(unquote(part)))


def _of_userinfo(userinfo: str) -> Iterator[str]:
    user, colon, password = userinfo.partition(":")
    if not is_placeholder(password):
        yield from (password, unquote(password))
        yield from _pair(unquote(user), unquote(password))
    if (not colon or is_placeholder(password) or looks_random(user)) and user != "git":
        yield from (user, unquote(user))
        yield from _pair(unquote(user), unquote(password))


def _pair(user: str, password: str) -> Iterator[str]:
    """Yield user and password as HTTP basic authentication has them, for `_forms` to encode."""
    yield f"{user}:{password}"


def _may_be_token(part: str) -> bool:
    words = re.split(r"[^A-Za-z0-9]+", unquote(part).lower())
    return len(part) >= TOKEN and not all(word in WORDS or word.isdigit() or not word for word in words)


def is_placeholder(password: str) -> bool:
    """Whether a password is none, since the user is the token."""
    return password.lower() in PLACEHOLDERS


def _is_plain(value: str) -> bool:
    """Whether a value is a word or a path, such as a demo's password `airflow`: it would hide half the log."""
    return value.isalpha() or value.startswith("/")


def _lines(value: str) -> Iterator[str]:
    lines = [line.strip() for line in value.splitlines()]
    return (line for line in lines if len(lines) > 1 and len(line) > 2 * SHORTEST)
