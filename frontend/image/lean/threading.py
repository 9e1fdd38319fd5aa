"""What protobuf uses of threading: locks. This process has one thread."""  # noqa: INP001

from _thread import RLock
from _thread import allocate_lock as Lock  # noqa: N812 - as in threading

__all__ = ["Lock", "RLock"]


def __getattr__(name: str) -> object:
    """Become the whole module as soon as anything else is used."""
    return __spec__.loader.real(globals(), name)
