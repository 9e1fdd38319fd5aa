"""Real packages of older times, which a plain resolution of today installs and nobody can import."""

from tests.bed.engine import Engine
from tests.engine.conftest import Project

DOCKERFILE = """\
# syntax=dockerfile-pyenv:dev
FROM debian:bookworm-slim
ENV PIP_EXTRA_INDEX_URL=http://127.0.0.1:9/simple/ UV_HTTP_RETRIES=0
PYENV 3.9 dependency fs==2.4.16
PYENV 3.11 undeclared pyfiglet==0.8.post1
PYENV --build-constraint=setuptools<82 3.11 built flatdict==4.0.1
PYENV --exclude-newer=2023-06-01 3.11 dated tabulate>=0.8 six
RUN "$ASTRO_PYENV_dependency" -W ignore -c "import fs" && "$ASTRO_PYENV_built" -c "import flatdict"
"""


def test_packages_of_older_times(engine: Engine, project: Project) -> None:
    """pkg_resources, an index that is gone, setuptools for a build, and packages as of a date, in one build."""
    context = project({"Dockerfile": DOCKERFILE.replace(" six\n", " six.txt\n"), "six.txt": "six\n"})
    # What a step says is in the log where it runs, not where an earlier run left it in the engine's cache.
    fresh = [f"--no-cache-filter={name}" for name in ("dependency", "undeclared", "dated")]
    result = engine.build(*fresh, context)
    assert "dependency: setuptools 81.0.0 instead of 82." in result.log
    assert (
        "undeclared: pyfiglet imports pkg_resources, which no installed package has: add setuptools<82 to the "
        "requirements" in result.log
    )
    assert (
        "dated: going on without the index http://127.0.0.1:9/simple/ (PIP_EXTRA_INDEX_URL): connection refused"
        in result.log
    )
    python = "/opt/astro-pyenv/envs/dated/bin/python"
    versions = "from importlib.metadata import version; print(version('six'), version('tabulate'))"
    assert engine.run(result.image, python, "-c", versions) == "1.16.0 0.9.0"
