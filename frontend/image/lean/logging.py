"""What hpack uses of logging: nobody sees a log of this process."""  # noqa: INP001


class SilentLogger:
    """A logger."""

    def debug(self, *_: object) -> None:
        """Say nothing."""


def getLogger(_name: str) -> SilentLogger:  # noqa: N802 - as in logging
    """Return a logger."""
    return SilentLogger()


def __getattr__(name: str) -> object:
    """Become the whole module as soon as anything else is used."""
    return __spec__.loader.real(globals(), name)
