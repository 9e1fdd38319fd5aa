"""Hides passwords and tokens in logs and in files of the image, wherever the step knows them from.

Programs repeat secrets in other forms: encoded for a URL, quoted for a shell or JSON, or in a header of HTTP basic
authentication. So all parts of a secret (secret_parts.py) are looked for in each form.
"""

from __future__ import annotations

import base64
import html
import json
import re
from typing import Callable, Iterable, Iterator, Set, Tuple

from requirement_lines import USERINFO
from secret_parts import LONGEST, SHORTEST, TOKEN, Segment, is_placeholder, looks_random

HIDDEN = "****"
"""As in uv and pip."""

LONGEST_LINE = 16384
"""Maximum length of a line in the log."""

ESCAPED = 1024
"""Maximum length of a value that is looked for in every form. Files may be longer, whose words are values, too."""

_AFTER = r"(?=[/?#&\s\"'`<>()\[\]{},;]|$)"
"""Where a segment of a path ends."""


class Redactor:
    """Replaces secret values in text."""

    def __init__(self, values: Iterable[str]) -> None:
        words: Set[str] = set()
        segments: Set[str] = set()
        for value in values:
            if isinstance(value, Segment):
                segments.add(str(value))
            else:
                words.update(_forms(value.strip()))
        # The longest first: one may be the beginning of another.
        patterns = [_pattern(word) for word in sorted(words, key=_longest_first)]
        patterns += [f"(?<=/){_pattern(one)}{_AFTER}" for one in sorted(segments, key=_longest_first)]
        self._pattern = re.compile("|".join(patterns) or r"(?!)")
        self._longest = 6 * max(map(len, words | segments), default=0)

    def __call__(self, text: str) -> str:
        """Return a text without the values, and without credentials in URLs."""
        return USERINFO.sub(_hide, self._pattern.sub(HIDDEN, text))

    def line(self, text: str) -> str:
        """Return a line likewise, but no more of it than LONGEST_LINE. No value is cut in two."""
        if len(text) <= LONGEST_LINE:
            return self(text)
        end = LONGEST_LINE
        for match in self._pattern.finditer(text[: LONGEST_LINE + self._longest]):
            if match.start() < end < match.end():
                end = match.end()
        for match in USERINFO.finditer(text[: LONGEST_LINE + LONGEST]):
            if match.start() < end < match.end():
                end = match.start()
        return f"{self(text[:end])} … (the rest of this line is left out)\n"


def url(text: str, redact: Callable[[str], str]) -> str:
    """Return a URL without credentials: PEP 610 keeps the user `git` of ssh, and ${VARIABLES}."""
    return redact(USERINFO.sub(_strip, text))


def cleaned(value: object, redact: Callable[[str], str]) -> object:
    """Return a value of JSON without credentials in its texts."""
    if isinstance(value, dict):
        return {key: cleaned(one, redact) for key, one in value.items()}
    if isinstance(value, list):
        return [cleaned(one, redact) for one in value]
    return url(value, redact) if isinstance(value, str) else value


def _strip(match: re.Match[str]) -> str:
    return match[0] if _is_public(match["userinfo"]) else match["before"]


def _hide(match: re.Match[str]) -> str:
    userinfo = match["userinfo"]
    user, colon, password = userinfo.partition(":")
    if _is_public(userinfo) or password == HIDDEN or user == HIDDEN == userinfo:
        return match[0]
    is_shown = colon and not is_placeholder(password) and not looks_random(user)
    return f"{match['before']}{user + colon if is_shown else ''}{HIDDEN}@"


def _is_public(userinfo: str) -> bool:
    return userinfo == "git" or re.fullmatch(r"\$\{\w+\}(?::\$\{\w+\})?", userinfo) is not None


def _forms(value: str) -> Iterator[str]:
    """Yield a value, and what it becomes in a header of HTTP; nothing for one that is too short."""
    if len(value) < SHORTEST:
        return
    if "\n" not in value:  # its lines are values of their own
        yield value
    data = value.encode("utf-8", "surrogateescape")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(data).decode().rstrip("=")
        # After one or two bytes more than a multiple of three, such as those of a user that is not secret.
        for before in (1, 2):
            # The characters at both ends depend on what is there.
            inner = encode(bytes(before) + data).decode().rstrip("=")[before + 1 : -1]
            if len(inner) >= TOKEN:
                yield inner


def _longest_first(word: str) -> Tuple[int, str]:
    return -len(word), word


def _pattern(value: str) -> str:
    """Return a pattern for a value, any of whose characters may be encoded for a URL, or escaped."""
    if len(value) > ESCAPED:
        return re.escape(value)
    return "".join(one if one.isalnum() and one.isascii() else _any_form(one) for one in value)


def _any_form(character: str) -> str:
    """Return a pattern for a character, however a URL, JSON, HTML, Python or a shell writes it."""
    forms = [re.escape(character)]
    try:
        data = character.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return forms[0]
    # Also encoded twice, since an address may be part of another one.
    forms.append("".join(f"%(?:25)?{_hexadecimal(f'{byte:02x}')}" for byte in data))
    if character.isascii():
        forms.insert(0, r"\\" + forms[0])
        forms += [re.escape(one) for one in {html.escape(character)} - {character}]
        forms += {" ": [r"\+"], "'": ["'\"'\"'", "&#39;"]}.get(character, [])
    else:
        forms.append("".join(rf"\\x{_hexadecimal(f'{byte:02x}')}" for byte in data))
        forms.append(_hexadecimal(re.escape(json.dumps(character)[1:-1])))
    return f"(?:{'|'.join(forms)})"


def _hexadecimal(digits: str) -> str:
    return re.sub(r"(?<!\\)[a-f]", lambda digit: f"[{digit[0]}{digit[0].upper()}]", digits)
