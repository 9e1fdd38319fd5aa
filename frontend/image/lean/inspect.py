"""What dataclasses uses of inspect, whose own imports read and compile source: a tenth of the frontend's start."""  # noqa: INP001

from collections.abc import Callable


def get_annotations(cls: type) -> dict[str, object]:
    """Return the annotations of a class itself."""
    return dict(vars(cls).get("__annotations__", {}))


def unwrap(function: Callable[..., object]) -> Callable[..., object]:
    """Return the function that is wrapped."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def __getattr__(name: str) -> object:
    """Become the whole module as soon as anything else is used."""
    return __spec__.loader.real(globals(), name)
