"""What is measured: environments by PYENV lines, by the predecessor's Dockerfile, and by a careful hand-written one.

Each subject's text is for the same base, the same Pythons and the same requirement files, with an application file
copied after the environments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from tests.bed import archives

if TYPE_CHECKING:
    from collections.abc import Sequence

BASE: Final = "pyenv-bench-base"
OTHER_BASE: Final = "pyenv-bench-other-base"
UV: Final = "pyenv-bench-uv"
FORWARD_IMAGE: Final = "pyenv-bench-frontend"
"""Images built beforehand: the base with the user `astro`, another such base, uv alone, as its publisher has it, and a
frontend that hands every build to the Dockerfile frontend (forward/main.go)."""

DEBIAN: Final = "debian:bookworm-slim"
BASE_DOCKERFILE: Final = """\
ARG DEBIAN
FROM ${DEBIAN}
RUN groupadd --gid 50000 astro && useradd --uid 50000 --gid 50000 --create-home --shell /bin/bash astro
USER astro
WORKDIR /usr/local/airflow
"""
OTHER_BASE_DOCKERFILE: Final = BASE_DOCKERFILE.replace(
    "FROM ${DEBIAN}\n", "FROM ${DEBIAN}\nRUN echo other > /etc/other-base\n"
)
UV_DOCKERFILE: Final = "FROM scratch\nCOPY --from=dockerfile-pyenv:dev /pyenv/uv /uv\n"


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment that the image is to have."""

    name: str
    python: str
    requirements: tuple[str, ...]


_OLD = ("numpy==1.26.4", "pandas==2.2.3")
_NEW = ("numpy==2.1.3", "pandas==2.2.3")
ENVIRONMENTS: Final = (
    Environment("load", "3.9", (*_OLD, "requests==2.32.3")),
    Environment("train", "3.11", (*_OLD, "scipy==1.13.1", "scikit-learn==1.5.2")),
    Environment("export", "3.13", (*_NEW, "pyarrow==18.1.0", "requests==2.32.3")),
    Environment("report", "3.11", (*_OLD, "pyarrow==15.0.2", "requests==2.32.3")),
    Environment("score", "3.13", (*_NEW, "scipy==1.14.1", "scikit-learn==1.5.2")),
    Environment("archive", "3.9", (*_OLD, "pyarrow==15.0.2")),
    Environment("notify", "3.11", ("requests==2.32.3",)),
    Environment("check", "3.9", (*_OLD, "scipy==1.13.1", "scikit-learn==1.5.2")),
)
"""In this order: an image with four has the first four."""

CHANGED: Final = Environment("load", "3.9", (*_OLD, "requests==2.32.4"))
"""The first one after its requirements were edited."""
INSERTED: Final = Environment("fetch", "3.11", ("requests==2.32.3",))
"""Comes before all others."""


class Dockerfile(Protocol):
    """Writes the Dockerfile of an image with these environments."""

    def __call__(self, environments: Sequence[Environment], base: str = BASE, above: str = "") -> str:
        """Return the text.

        Args:
            environments: what the image has, in this order
            base: the image that the final stage starts from
            above: whole lines that stand between FROM and the environments

        """


@dataclass(frozen=True, slots=True)
class Subject:
    """One way to write the Dockerfile."""

    name: str
    title: str
    dockerfile: Dockerfile
    arguments: tuple[str, ...] = ()
    """Words of the build's command line."""
    only_rebuilds: bool = False
    """Measured only where nothing has changed, or an application file."""


def instruction_above(content: str) -> str:
    """The lines of an instruction above the environments: it writes a file of this content, as root."""
    return f"USER root\nRUN echo {content} > /etc/above\nUSER astro\n"


def _pyenv(environments: Sequence[Environment], base: str = BASE, above: str = "") -> str:
    lines = [f"PYENV {one.python} {one.name} {one.name}.txt\n" for one in environments]
    return f"# syntax=dockerfile-pyenv:dev\nFROM {base}\n{above}" + "".join(lines) + _APPLICATION


def _predecessor(environments: Sequence[Environment], base: str = BASE, above: str = "") -> str:
    """What astro-provider-venv 1.0.4 makes of the same lines (buildkit/internal/transform), line after line.

    The official images' libpython is `*X.Y*.so*`; the bed's stand-ins have other libraries next to theirs.
    """
    text = f"FROM {base}\n{above}"
    known: set[str] = set()
    for one in environments:
        if one.python not in known:
            known.add(one.python)
            copy = f"COPY --link --from=python:{one.python}-slim-bookworm /usr/local"
            text += (
                "USER root\n"
                f"{copy}/bin/*{one.python}* /usr/local/bin/\n"
                f"{copy}/include/python{one.python}* /usr/local/include/python{one.python}\n"
                f"{copy}/lib/pkgconfig/*{one.python}* /usr/local/lib/pkgconfig/\n"
                f"{copy}/lib/*.so* /usr/local/lib/\n"
                f"{copy}/lib/python{one.python} /usr/local/lib/python{one.python}\n"
                "RUN /sbin/ldconfig /usr/local/lib\n"
                "USER astro\n"
            )
        path, cache = f"/home/astro/.venv/{one.name}", "/home/astro/.cache/pip"
        text += (
            f"RUN mkdir -p {cache} {path}\n"
            f"COPY --chown=50000:0 {one.name}.txt {path}/requirements.txt\n"
            f"RUN /usr/local/bin/python{one.python} -m venv {path}\n"
            f"ENV ASTRO_PYENV_{one.name} {path}/bin/python\n"
            f"RUN --mount=type=cache,uid=50000,gid=0,target={cache} "
            f"{path}/bin/pip --cache-dir={cache} install -r {path}/requirements.txt\n"
        )
    return text + _APPLICATION


def _by_hand(environments: Sequence[Environment], base: str = BASE, above: str = "") -> str:
    """A stage for each Python and each environment, so that they build in parallel and are cached separately.

    These stages have a base of their own, which stays when that of the final stage is rebuilt or is another.
    """
    pythons = sorted({one.python for one in environments})
    text = (
        f"FROM {DEBIAN} AS uv\n"
        f"COPY --from={UV} /uv /usr/local/bin/uv\n"
        "ARG UV_PYTHON_DOWNLOADS_JSON_URL\n"
        "ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_INSTALL_DIR=/opt/python UV_CACHE_DIR=/var/cache/uv\n\n"
    )
    for python in pythons:
        text += f"FROM uv AS python-{python}\nRUN uv python install --no-bin {python}\n\n"
    for one in environments:
        text += (
            f"FROM python-{one.python} AS {one.name}\n"
            f"RUN --mount=type=cache,target=/var/cache/uv --mount=source={one.name}.txt,target=/requirements.txt \\\n"
            f"    uv venv --python {one.python} /opt/envs/{one.name} && \\\n"
            f"    uv pip install --python /opt/envs/{one.name} --requirements /requirements.txt\n\n"
        )
    text += f"FROM {base}\n{above}"
    text += "".join(f"COPY --link --from=python-{python} /opt/python /opt/python\n" for python in pythons)
    for one in environments:
        text += (
            f"COPY --link --from={one.name} --chown=50000:50000 /opt/envs/{one.name} /opt/envs/{one.name}\n"
            f"ENV ASTRO_PYENV_{one.name}=/opt/envs/{one.name}/bin/python\n"
        )
    return text + _APPLICATION


def _forwarded(environments: Sequence[Environment], base: str = BASE, above: str = "") -> str:
    return f"# syntax={FORWARD_IMAGE}\n{_by_hand(environments, base, above)}"


_APPLICATION = "COPY --chown=50000:0 app /usr/local/airflow/app\n"

PYENV: Final = Subject("pyenv", "dockerfile-pyenv", _pyenv)
PREDECESSOR: Final = Subject("predecessor", "astro-provider-venv's Dockerfile", _predecessor)
BY_HAND: Final = Subject(
    "by-hand",
    "hand-written multi-stage uv",
    _by_hand,
    # The bed's own archives; the frontend image of the bed has the same table in it.
    (f"--build-arg=UV_PYTHON_DOWNLOADS_JSON_URL={archives.TABLE_URL}",),
)
FORWARD: Final = Subject(
    "forward",
    "hand-written, by a frontend image that does nothing",
    _forwarded,
    BY_HAND.arguments,
    only_rebuilds=True,
)
"""What any frontend image costs, at least."""
SUBJECTS: Final = {subject.name: subject for subject in (PYENV, PREDECESSOR, BY_HAND)}
"""Those that are compared in all scenarios."""
