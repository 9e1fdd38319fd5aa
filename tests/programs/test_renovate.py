"""The preset for Renovate, read by Renovate."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.bed import settings
from tests.programs import node
from tests.programs.test_ci import fits

PRESET = settings.REPOSITORY / "default.json"
DOCKERFILE = """# syntax=registry.example.com/team/dockerfile-pyenv:1.0.0
FROM debian:bookworm-slim
PYENV 3.9 etl requirements.txt
pyenv --seed --installer=pip 3.13.1 b pandas==2.2.2 "requests[socks]==2.31.0" \\
    # numpy==0.0.1
    numpy==1.26.0
PYENV --secret=id=a \\
  3.12t c <<EOF
scipy==1.10.0
plain
polars[gpu] == 0.20.0  # why
EOF
RUN pip install nothing==1.0
PYENV --no-venv 3.11
PYENV 3.10.4 d <<-'REQ' <<EOF
one==1.0
REQ
two==2.0
EOF
ENV A=b==1
"""


def test_the_preset_is_what_renovate_reads() -> None:
    fits("renovate", PRESET)


@pytest.mark.slow
def test_renovate_finds_what_pyenv_lines_pin(tmp_path: Path) -> None:
    """And by itself the syntax line, the base image and the requirements file."""
    folder = node.modules("renovate")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "requirements.txt").write_text("flask==2.0.0\n")
    (tmp_path / "renovate.json").write_bytes(PRESET.read_bytes())
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=one"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [folder / "node_modules/.bin/renovate", "--platform=local", "--dry-run=extract"],
        cwd=tmp_path,
        env={**os.environ, "PATH": tools, "LOG_FORMAT": "json", "LOG_LEVEL": "debug"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    (extracted,) = [line["packageFiles"] for line in lines if "packageFiles" in line]
    found = {
        manager: [
            (dep["depName"], dep["currentValue"], dep.get("datasource")) for file in files for dep in file["deps"]
        ]
        for manager, files in extracted.items()
    }
    assert found == {
        "dockerfile": [
            ("registry.example.com/team/dockerfile-pyenv", "1.0.0", "docker"),
            ("debian", "bookworm-slim", "docker"),
        ],
        "pip_requirements": [("flask", "==2.0.0", "pypi")],
        "regex": [
            *(("python", version, "python-version") for version in ("3.9", "3.13.1", "3.12", "3.11", "3.10.4")),
            *(("pandas", "2.2.2", "pypi"), ("requests", "2.31.0", "pypi"), ("numpy", "1.26.0", "pypi")),
            *(
                ("scipy", "1.10.0", "pypi"),
                ("polars", "0.20.0", "pypi"),
                ("one", "1.0", "pypi"),
                ("two", "2.0", "pypi"),
            ),
        ],
    }
