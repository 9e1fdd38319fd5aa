"""Checks a release and writes its notes: `release.py facts v1.2.3`, `release.py notes v1.2.3`.

RELEASING.md describes releases; .github/workflows/release.yml runs this with the Python of the machine.
"""  # noqa: INP001 - a script, in no package

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "frontend/dockerfile_pyenv/__init__.py"
PROJECT = "pyproject.toml"
LLB = "frontend/buildkit-llb"
PROVIDER = "frontend/airflow_provider_pyenv/pyproject.toml"
BASE = "requirements/base.txt"
CHANGES = "CHANGELOG.md"
PLACEHOLDER = "@dockerfile-pyenv.example"


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Run a command; the exit status."""
    if len(arguments) != 2 or arguments[0] not in {"facts", "notes"}:  # noqa: PLR2004
        sys.stderr.write(f"{__doc__}\n")
        return 2
    command, tag = arguments
    wrong = list(problems(tag, root))
    if wrong:
        sys.stderr.write("".join(f"release: {problem}\n" for problem in wrong))
        return 1
    version = tag.removeprefix("v")
    if command == "notes":
        sys.stdout.write(notes(version, root))
    else:
        sys.stdout.write(f"image={constant('IMAGE', root)}\nversion={version}\n")
    return 0


def problems(tag: str, root: Path) -> Iterator[str]:
    """Yield what keeps a tag from being released, each with what to do."""
    version = tag.removeprefix("v")
    for file, found in ((PACKAGE, constant("__version__", root)), (PROVIDER, provider_version(root))):
        if found != version:
            yield f"{file} has version {found}, but the tag is {tag}: set the version, commit, and tag that commit"
    yield from problems_of_llb(root)
    for file in (PROJECT, f"{LLB}/{PROJECT}", PROVIDER):
        if PLACEHOLDER in (root / file).read_text():
            yield f"{file} has a placeholder for the authors' address: write yours, and add the source to urls"
    if not constant("IMAGE", root):
        yield f"{PACKAGE} does not say where the image is published: set IMAGE"
    if not constant("REPOSITORY", root):
        yield f"{PACKAGE} does not say where the source is, to which README's links on PyPI lead: set REPOSITORY"
    if "@sha256:" not in (root / BASE).read_text():
        yield f"{BASE} does not pin the base image by digest: run `make renew`"
    if not notes(version, root).strip():
        yield f"{CHANGES} has no section for {version}: rename the section Unreleased"


def problems_of_llb(root: Path) -> Iterator[str]:
    """Yield what keeps buildkit-llb from being released, which has versions of its own: PyPI takes each only once."""
    version = constant("__version__", root / LLB, "buildkit_llb/__init__.py")
    changes = f"{LLB}/{CHANGES}"
    if notes("Unreleased", root / LLB).strip() or not notes(version, root / LLB).strip():
        yield f"{changes} has unreleased changes: set a new version, and rename the section Unreleased"
    if ".dev" in version:
        yield f"{LLB}/buildkit_llb/__init__.py has version {version}, which is no release: set the version"
    required = f'"buildkit-llb>={version},<{int(version.partition(".")[0]) + 1}"'
    if required not in (root / PROJECT).read_text():
        yield f"{PROJECT} does not require {required}: set what it requires"


def constant(name: str, root: Path, file: str = PACKAGE) -> str:
    """The value of a constant of a module, read without importing it."""
    found = re.search(rf'^{name} = "(.*)"$', (root / file).read_text(), re.MULTILINE)
    return found[1] if found else ""


def provider_version(root: Path) -> str:
    """Version of the Airflow provider's distribution."""
    found = re.search(r'^version = "(.*)"$', (root / PROVIDER).read_text(), re.MULTILINE)
    return found[1] if found else ""


def notes(version: str, root: Path) -> str:
    """The changelog's section of a version, without its heading; "" if there is none."""
    section = rf"^## {re.escape(version)}(?: [^\n]*)?\n(.*?)(?=^## |\Z)"
    found = re.search(section, (root / CHANGES).read_text(), re.MULTILINE | re.DOTALL)
    return found[1].strip() + "\n" if found and found[1].strip() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
