"""Releases: what is checked before one, and its notes."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("release", ROOT / "tools/release.py")
assert SPEC
assert SPEC.loader
release = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(release)

LLB_PACKAGE = f"{release.LLB}/buildkit_llb/__init__.py"
LLB_CHANGES = f"{release.LLB}/{release.CHANGES}"
CHANGES = """# Changelog

## Unreleased

## 1.2.3 - 2027-01-31

### Added

- Something.

## 1.2.2 - 2027-01-01

- Old.
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What a release of 1.2.3 looks like."""
    projects = (release.PROJECT, f"{release.LLB}/{release.PROJECT}", release.PROVIDER)
    for name in (release.PACKAGE, *projects, LLB_PACKAGE, LLB_CHANGES, "tools/release.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    package = tmp_path / release.PACKAGE
    text = re.sub(r'__version__ = ".*"', '__version__ = "1.2.3"', package.read_text())
    text = re.sub(r'REPOSITORY = ".*"', 'REPOSITORY = "https://git.example.com/a/b"', text)
    package.write_text(re.sub(r'IMAGE = ".*"', 'IMAGE = "registry.example.com/a/b"', text))
    provider = tmp_path / release.PROVIDER
    provider.write_text(re.sub(r'version = ".*"', 'version = "1.2.3"', provider.read_text(), count=1))
    llb = tmp_path / LLB_PACKAGE
    llb.write_text(re.sub(r'__version__ = ".*"', '__version__ = "2.0.1"', llb.read_text()))
    (tmp_path / LLB_CHANGES).write_text("# Changelog\n\n## 2.0.1 - 2027-01-31\n\n- Fixed.\n")
    for name in projects:
        text = re.sub(r'"buildkit-llb>=.*?"', '"buildkit-llb>=2.0.1,<3"', (tmp_path / name).read_text())
        (tmp_path / name).write_text(text.replace(release.PLACEHOLDER, "@example.com"))
    (tmp_path / "requirements").mkdir()
    (tmp_path / release.BASE).write_text("debian:trixie-slim@sha256:" + "0" * 64 + "\n")
    (tmp_path / release.CHANGES).write_text(CHANGES)
    return tmp_path


def test_a_tag_that_fits_gives_the_facts_and_the_notes(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["facts", "v1.2.3"], tree) == 0
    assert capsys.readouterr().out == "image=registry.example.com/a/b\nversion=1.2.3\n"
    assert release.main(["notes", "v1.2.3"], tree) == 0
    assert capsys.readouterr().out == "### Added\n\n- Something.\n"


def test_everything_that_is_missing_is_told_at_once(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = tree / release.PACKAGE
    package.write_text(re.sub(r'(IMAGE|REPOSITORY) = ".*"', r'\1 = ""', package.read_text()))
    (tree / release.BASE).write_text("debian:trixie-slim\n")
    for name in (release.PROJECT, LLB_CHANGES, LLB_PACKAGE):
        shutil.copy(ROOT / name, tree / name)
    llb = tree / LLB_PACKAGE
    llb.write_text(re.sub(r'__version__ = ".*"', '__version__ = "2.1.0.dev0"', llb.read_text()))
    assert release.main(["facts", "v1.3.0"], tree) == 1
    version = "has version 1.2.3, but the tag is v1.3.0: set the version, commit, and tag that commit"
    placeholder = "has a placeholder for the authors' address: write yours, and add the source to urls"
    repository = "does not say where the source is, to which README's links on PyPI lead: set REPOSITORY"
    assert capsys.readouterr().err.splitlines() == [
        f"release: {release.PACKAGE} {version}",
        f"release: {release.PROVIDER} {version}",
        f"release: {LLB_CHANGES} has unreleased changes: set a new version, and rename the section Unreleased",
        f"release: {LLB_PACKAGE} has version 2.1.0.dev0, which is no release: set the version",
        f'release: {release.PROJECT} does not require "buildkit-llb>=2.1.0.dev0,<3": set what it requires',
        f"release: {release.PROJECT} {placeholder}",
        f"release: {release.PACKAGE} does not say where the image is published: set IMAGE",
        f"release: {release.PACKAGE} {repository}",
        "release: requirements/base.txt does not pin the base image by digest: run `make renew`",
        "release: CHANGELOG.md has no section for 1.3.0: rename the section Unreleased",
    ]


def steps(workflow: str) -> dict[str, str]:
    """The shell steps of a workflow, by their names, or by what they run."""
    jobs = yaml.safe_load((ROOT / f".github/workflows/{workflow}.yml").read_text())["jobs"]
    return {
        step.get("name", step["run"]): step["run"] for job in jobs.values() for step in job["steps"] if "run" in step
    }


def test_the_steps_of_the_workflow_run(tree: Path) -> None:
    """Those that need no service: as GitHub's runner runs them, by bash with -e and pipefail."""
    output = tree / "output"
    environment = {**os.environ, "GITHUB_REF_NAME": "v1.2.3", "GITHUB_OUTPUT": str(output)}
    found = steps("release")
    for name in ("Check the tag, the changelog, the base image and where the image will be published",
                 "Write the release notes"):  # fmt: skip
        subprocess.run(["bash", "-eo", "pipefail", "-c", found[name]], cwd=tree, env=environment, check=True)
    assert output.read_text() == "image=registry.example.com/a/b\nversion=1.2.3\n"
    assert (tree / "notes.md").read_text() == "### Added\n\n- Something.\n"


@pytest.mark.parametrize("workflow", ["test", "release", "renew"])
def test_shell_steps_parse_and_their_targets_exist(workflow: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for step in steps(workflow).values():
        subprocess.run(["bash", "-n", "-c", step], check=True)
        for target in re.findall(r"\bmake ([a-z-]+)", step):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_weekly_job_opens_a_change(tmp_path: Path) -> None:
    """With a `gh` that says what it is asked; nothing is opened where nothing changed."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    remote, clone, tools = tmp_path / "remote", tmp_path / "clone", tmp_path / "tools"
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    subprocess.run(["git", "clone", "--quiet", remote, clone], check=True, stderr=subprocess.DEVNULL)
    (clone / "base.txt").write_text("old\n")
    subprocess.run(["git", "add", "."], cwd=clone, check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "one"], cwd=clone, check=True)
    tools.mkdir()
    (tools / "gh").write_text('#!/bin/sh\necho "$@" >> "$SAID"\n')
    (tools / "gh").chmod(0o755)
    said = tmp_path / "said"
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "SAID": str(said)}
    step = ["bash", "-eo", "pipefail", "-c", steps("renew")["Open a change"]]
    subprocess.run(step, cwd=clone, env=environment, check=True)
    assert not said.exists()
    (clone / "base.txt").write_text("new\n")
    subprocess.run(step, cwd=clone, env=environment, check=True, capture_output=True)
    assert said.read_text().splitlines()[-1] == "pr create --head renew --fill"
    pushed = subprocess.run(["git", "show", "renew:base.txt"], cwd=remote, capture_output=True, text=True, check=True)
    assert pushed.stdout == "new\n"
