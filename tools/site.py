"""Builds the documentation site (`make site`): `site.py [<directory>]`, by default into site/.

The pages stay where they are read in the repository. This copies them next to each other, with links that lead to each
other there, adds a page for each example, and runs Zensical (https://zensical.org), which reports broken links.
"""  # noqa: INP001 - a script, in no package

import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import links

ROOT: Final = Path(__file__).resolve().parent.parent
CONFIGURATION: Final = ROOT / "tools/zensical.toml"
STYLE: Final = ROOT / "tools/site.css"
API: Final = ROOT / "tools/api.md"
"""The page of what docstrings say, which mkdocstrings fills."""
EXAMPLES: Final = "dockerfile-syntax/examples"
LANGUAGE: Final = "dockerfile-syntax/"
"""Pages below this directory have the same path on the site."""
PAGES: Final = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "RELEASING.md": "project/releasing.md",
    "SECURITY.md": "project/vulnerabilities.md",
    "dockerfile-syntax/cases/README.md": "cases.md",
    "frontend/airflow_provider_pyenv/README.md": "airflow-provider.md",
    "frontend/buildkit-llb/CHANGELOG.md": "project/buildkit-llb-changelog.md",
    "frontend/buildkit-llb/README.md": "project/buildkit-llb.md",
    "tests/bed/README.md": "project/test-bed.md",
    "tests/bench/results/README.md": "project/benchmarks.md",
}
"""All others, by their paths in the repository."""

_INFO: Final = re.compile(r"^(?P<mark>`{3,})(?P<language>[\w-]*)[ \t]*(?P<words>[^`\n]*)$", re.MULTILINE)
_FILE: Final = re.compile(r"\bfile=(\S+)")
_COMMENT: Final = re.compile(r"<!--.*?-->\n*", re.DOTALL)
_ROW: Final = re.compile(r"^\| \[(?P<name>[\w-]+)\]\([\w-]+\) \| (?P<shows>.*?) \|(?P<run>.*?)\|$", re.MULTILINE)
_CODE_IN_ROW: Final = re.compile(r"`[^`\n]+`")


class Site:
    """The sources of the site."""

    def __init__(self, root: Path, target: Path) -> None:
        """Find the pages.

        Args:
            root: the repository.
            target: where the sources are written to.

        """
        self.root = root
        self.target = target
        own = (path.relative_to(root).as_posix() for path in sorted((root / LANGUAGE).rglob("*.md")))
        self.pages = PAGES | {
            path: path.removeprefix(LANGUAGE).replace("README.md", "index.md")
            for path in own
            if not path.startswith((f"{LANGUAGE}editor/", f"{LANGUAGE}cases/"))
        }

    def write(self) -> None:
        """Write all pages, and the pictures that they show."""
        for path in self.pages:
            self._page(path, (self.root / path).read_text(encoding="utf-8"))
        listed = (self.root / EXAMPLES / "README.md").read_text(encoding="utf-8")
        for row in _ROW.finditer(listed):
            self._example(row["name"], row["shows"], row["run"].strip())

    def _page(self, path: str, text: str) -> None:
        """Write a page of the repository."""
        here = self.pages[path]
        text = links.rewrite(text, path, lambda link: self._address(path, here, link))
        text = "".join(part if is_code else _in_markdown(part) for part, is_code in links.parts(text))
        self._write(here, _INFO.sub(_info, text))

    def _address(self, page: str, here: str, link: links.Link) -> str:
        """Where a link of a page leads on the site; "" if neither the site nor a published source has it."""
        found = self.root / link.path
        if not found.exists():
            raise SystemExit(f"{page}: {link.path} does not exist")
        if link.is_image:
            target = link.path.removeprefix(LANGUAGE)
            (self.target / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, self.target / target)
        else:
            target = self.pages.get(link.path) or self.pages.get(f"{link.path}/README.md") or self._shown(link.path)
        if not target:
            return links.in_source(self.root, link)
        path, mark, anchor = target.partition("#")
        return posixpath.relpath(path, posixpath.dirname(here) or ".") + (mark + anchor or link.anchor)

    def _shown(self, path: str) -> str:
        """Where an example, or a file of one, is shown."""
        name, _, file = path.removeprefix(f"{EXAMPLES}/").partition("/")
        if not path.startswith(f"{EXAMPLES}/"):
            return ""
        return f"examples/{name}.md" + (f"#{_anchor(file)}" if (self.root / path).is_file() else "")

    def _example(self, name: str, shows: str, run: str) -> None:
        """Write the page of an example: what the list of examples says about it, and its files."""
        folder = self.root / EXAMPLES / name
        files = sorted(
            (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts),
            key=lambda path: ("Dockerfile" not in path.name, len(path.relative_to(folder).parts), path.name),
        )
        text = f"# {name}\n\nShows {shows}.{f' Run it with {run}.' if run.startswith('`') else ''}\n"
        for path in files:
            shown = path.relative_to(folder).as_posix()
            code = path.read_text(encoding="utf-8").rstrip("\n")
            text += f"\n## {shown} {{ #{_anchor(shown)} }}\n\n````{_language(path)}\n{code}\n````\n"
        self._write(f"examples/{name}.md", text)

    def _write(self, path: str, text: str) -> None:
        (self.target / path).parent.mkdir(parents=True, exist_ok=True)
        (self.target / path).write_text(text, encoding="utf-8")


def _in_markdown(text: str) -> str:
    """Text between fenced blocks, as Python-Markdown reads it: without comments, and `|` of tables' code as it is."""
    text = _COMMENT.sub("", text)
    return "".join(
        _CODE_IN_ROW.sub(lambda code: code[0].replace("\\|", "|"), line) if line.startswith("|") else line
        for line in text.splitlines(keepends=True)
    )


def _info(match: re.Match[str]) -> str:
    """The first line of a fenced block: the site shows the name of a file, and the other words are for tests."""
    file = _FILE.search(match["words"])
    title = f' title="{file[1]}"' if file else ""
    return f"{match['mark']}{match['language'] or ('text' if title else '')}{title}"


def _anchor(path: str) -> str:
    """The anchor of a file of an example."""
    return re.sub(r"\W+", "-", path).strip("-").lower()


def _language(path: Path) -> str:
    """What highlights a file."""
    if "Dockerfile" in path.name:
        return "dockerfile"
    known = {".hcl": "terraform", ".json": "json", ".py": "python", ".sql": "sql", ".yaml": "yaml", ".yml": "yaml"}
    return known.get(path.suffix, "text")


def main(arguments: list[str]) -> int:
    """Build the site; the exit status."""
    target = Path(*arguments[:1] or [ROOT / "site"]).resolve()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        Site(ROOT, work / "docs").write()
        shutil.copyfile(CONFIGURATION, work / CONFIGURATION.name)
        shutil.copyfile(STYLE, work / "docs" / STYLE.name)
        shutil.copyfile(API, work / "docs/project/buildkit-llb-api.md")
        (work / "packages").symlink_to(ROOT / "frontend/buildkit-llb")
        command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
        status = subprocess.run(command, cwd=work, check=False).returncode
        if status == 0:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(work / "site", target)
            sys.stdout.write(f"{target / 'index.html'}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
