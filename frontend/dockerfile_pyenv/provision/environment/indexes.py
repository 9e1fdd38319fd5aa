"""Where each index is set, and how an install goes on without an additional one that does not answer.

uv fails if one of several indexes cannot be reached or returns an error. pip looks at the others, and so do installs
here. The first index, --index-url, stays required: without it, other packages than usual would be selected.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import urlsplit

import failure_words
from failure_words import Failure
from requirement_lines import without_credentials

if TYPE_CHECKING:
    from resolve_includes import RequirementSet
    from settings import Settings

_NAMED = re.compile(r"[A-Za-z0-9_-]+=(?=\w+://)")
"""The name in uv's `name=url`."""
_FETCH = re.compile(r"(?:Failed to fetch: `?|Unsupported `Content-Type` [^\n]{0,300}? for `)(?P<url>\w+://[^\s`]+)")
_CERTIFICATE = re.compile(r"peer certificate|certificate verify|self.signed")
_STATUS = re.compile(r"HTTP status \w+ error \((?P<status>\d+[^)\n]{0,99})\)")
_DENIED = ("401", "403", "407")
_REASONS = (
    ("dns error", "cannot resolve its host"),
    ("timed out", "it did not answer in time"),
    ("timeout", "it did not answer in time"),
    ("Connection refused", "connection refused"),
    ("Content-Type", "it does not return an index page"),
)

INDEX_VARIABLES = (("UV_INDEX", " "), ("UV_EXTRA_INDEX_URL", " "), ("UV_FIND_LINKS", ","))
"""Variables for uv with additional locations, and what separates these."""
OPTIONS = ("--extra-index-url", "--find-links")


class Place(NamedTuple):
    """A location of packages, and where it is set."""

    url: str
    origin: str
    """A variable, "index-url in /etc/pip.conf", or "requirements.txt, line 3"."""


class UnansweredError(Exception):
    """An additional index does not answer; the message says why."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(reason)
        self.place = place


def check(text: str, settings: Settings, requirements: RequirementSet) -> None:
    """Raise UnansweredError if uv failed because an additional index does not answer. `text` is its output."""
    found = find(text, additional(settings, requirements), first(settings, requirements))
    if found:
        raise UnansweredError(*found)


def find(text: str, places: Sequence[Place], first: str = "") -> Optional[Tuple[Place, str]]:
    """Return the one of these places that did not answer, and the reason; None for another failure.

    `first` is the URL of the first index.
    """
    match = _FETCH.search(text)
    if match is None:
        return None
    causes = text[match.start() :].partition("\nhint:")[0]
    status = _STATUS.search(causes)
    if _CERTIFICATE.search(causes) or (status and status["status"].startswith(_DENIED)):
        return None
    place = next((one for one in places if _is_page(match["url"], one.url)), None)
    if place is None or _bare(place.url) == _bare(first):
        return None
    known = next((reason for word, reason in _REASONS if word in causes), "")
    return place, f"it returned {status['status']}" if status else known or _last(causes)


def without(place: Place, settings: Settings, requirements: RequirementSet) -> Tuple[Settings, RequirementSet]:
    """Return settings and requirements of an install that does not look at a place."""
    gone = _bare(place.url)
    environment = dict(settings.environment)
    for name, separator in INDEX_VARIABLES:
        if name in environment:
            kept = [one for one in _words(environment[name], separator) if _bare(one) != gone]
            environment[name] = separator.join(kept)
            if not kept:
                del environment[name]
    arguments = [one for one in settings.arguments if not _names(one.partition("="), gone)]
    sources = [(name, value) for name, value in requirements.sources if not _names((name, "=", value), gone)]
    left = settings._replace(environment=environment, arguments=arguments)
    return left, requirements._replace(sources=sources)


def additional(settings: Settings, requirements: RequirementSet) -> List[Place]:
    """Return the places of an install other than the first index."""
    known = origins(settings, requirements)
    return [Place(url, known.get(_bare(url), "")) for url in _additional(settings, requirements)]


def origins(settings: Settings, requirements: RequirementSet) -> Dict[str, str]:
    """Return where the places of an install are set, by URL without credentials."""
    # A requirements file overrides a setting.
    places = [*requirements.places, *settings.places]
    return {_bare(place.url): place.origin for place in reversed(places)}


def with_origin(failure: Failure, known: Mapping[str, str]) -> Failure:
    """Add where an index is set to what is said about it. `known` is of `origins`."""
    urls = re.findall(r"\w+://[^\s,;()]+", failure.reason)
    for url in urls:
        for base, origin in known.items():
            if origin and _is_below(url, base):
                return failure._replace(reason=f"{failure.reason}. This index is set by {origin}")
    return failure


def describe(error: UnansweredError) -> str:
    """Return the line of the log about an index that is left out."""
    url = without_credentials(_NAMED.sub("", error.place.url))
    origin = f" ({error.place.origin})" if error.place.origin else ""
    return f"going on without the index {url}{origin}: {error}"


def _additional(settings: Settings, requirements: RequirementSet) -> Iterator[str]:
    for name, separator in INDEX_VARIABLES:
        yield from _words(settings.environment.get(name, ""), separator)
    options = [one.partition("=") for one in settings.arguments]
    for name, _, value in [*options, *((name, "", value) for name, value in requirements.sources)]:
        if name in OPTIONS:
            yield value


def first(settings: Settings, requirements: RequirementSet) -> str:
    """Return the URL of the index that the others are in addition to; "" for the installer's default."""
    environment = settings.environment
    return requirements.index or environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL") or ""


def _names(option: Tuple[str, str, str], url: str) -> bool:
    return option[0] in OPTIONS and _bare(option[2]) == url


def _words(text: str, separator: str) -> List[str]:
    return text.split() if separator == " " else [one for one in text.split(separator) if one.strip()]


def _is_page(url: str, place: str) -> bool:
    """Whether a URL is a place itself, or the page of one package below it."""
    rest = _bare(url)[len(_bare(place)) :].strip("/")
    return _is_below(url, place) and "/" not in rest


def _is_below(url: str, place: str) -> bool:
    base = _bare(place)
    return bool(base) and (_bare(url) + "/").startswith(base + "/")


def _bare(url: str) -> str:
    """Return a URL without uv's name for it, credentials and a final slash."""
    parts = urlsplit(_NAMED.sub("", url.strip()))
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme.lower()}://{host}{parts.path}".rstrip("/") if parts.scheme and host else ""


def _last(causes: str) -> str:
    """Return uv's last cause."""
    return failure_words.brief(causes.rpartition("cause: ")[2])
