"""Asks uv for the versions and archives of one PYENV line, on the machine of whoever runs `dockerfile-pyenv lock`.

    python -I -B lock.py < QUESTION

QUESTION is JSON with the fields of `Question`. What a requirements file means, which settings of pip and uv count, and
what may be seen of a secret, is the same as in a step: hence the modules of `environment`, which know nothing of the
project. The working directory is the build context. What goes wrong is written to standard output, and uv's own words
to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple

sys.path.insert(0, str(Path(__file__).with_name("environment")))

import credentials
import failure
import installer
import redaction
import requirement_lines
import requirements
import settings
import uv
from layout import Layout, ProvisionError

FROM_LINE = ("PIP_", "UV_")
"""What the names of the variables begin with by which a line's stage says where packages are."""


class Question(NamedTuple):
    """What is to be locked."""

    uv: str
    """Path of the program."""
    tmp: str
    """An empty directory."""
    output: str
    """Path of the lock, below `tmp`; versions in it are kept as far as they fit."""
    names: List[str]
    """Requirements files and projects, by their paths in the build context."""
    lines: List[str]
    """Lines of requirements files that stand on the PYENV line or in its heredocs, their paths those of the context."""
    choice: List[str]
    """--extra=NAME, --group=NAME."""
    env: Dict[str, str]
    """Variables at the line."""
    secrets: List[str]
    """Names of variables that a secret of the line stands for: who runs this may have them."""
    python: str
    """Full version, as far as it is known."""
    environments: List[str]
    """Markers, one for each platform."""
    options: List[str]
    """Options of uv."""
    title: str


class Workspace(Layout):
    """A build context without an image."""

    @property
    def context(self) -> Path:
        """The working directory."""
        return Path.cwd()

    def find(self, path: str) -> Path:
        """Refuse what only an image has. Raises ProvisionError."""
        raise ProvisionError(f"{path} is a path of the image, which only a build has")


def main(question: Question) -> int:
    """Write the lock; return the exit status."""
    try:
        lock(question)
    except (ProvisionError, requirement_lines.LineError) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


def lock(question: Question) -> None:
    """Write the lock. Raises ProvisionError, or LineError of a line on the PYENV line."""
    here = Layout(run=Path(question.tmp))
    home = os.environ.get("HOME", "/")
    line = {
        name: value for name, value in question.env.items() if not (name in question.secrets and name in os.environ)
    }
    environ = {**os.environ, **_about_places(line)}
    bundles = (os.environ.get(name) for name in credentials.CERTIFICATES if name in question.secrets)
    if bundle := next(filter(None, bundles), None):
        environ["PIP_CERT"] = bundle  # as in a step, a secret's goes before all others
    files = settings.pip_config_files(environ, home, _text)
    netrc = credentials.netrc(environ, home, here)
    redact = redaction.Redactor(
        redaction.values(
            environ,
            set(question.secrets) - credentials.PATHS,
            [text for _, text in files] + [_text(str(netrc)) or "" if netrc else ""],
        )
    )
    chosen = settings.settings(environ, files, kind=here.kind, system_certificates=installer.has_certificates(here))
    for note in chosen.notes:
        _note(note)
    known = {**os.environ, **line}
    asked = requirements.read(
        question.names, question.lines, known, Workspace(run=here.run), _note, choice=question.choice
    )
    own = _environment(question, chosen, netrc)
    if asked.index:
        own = {name: value for name, value in own.items() if name not in {"UV_DEFAULT_INDEX", "UV_INDEX_URL"}}
    status, text = uv.run(_command(question, chosen, asked, here), own, _note, redact)
    if status and "error: unexpected argument" in text:
        raise ProvisionError(
            f"{question.uv} is another release of uv than this command knows: pip install 'dockerfile-pyenv[lock]' "
            "brings the right one"
        )
    if status and "Git executable not found" in text:
        raise ProvisionError(
            f"{question.title} asks for a git repository, and there is no git here: install it. The frontend's image "
            "has none: use the command that pip install 'dockerfile-pyenv[lock]' brings in place of the image"
        )
    if status:
        words = failure.paragraph(failure.explain(text, ".".join(question.python.split(".")[:2])))
        raise ProvisionError(redact(f"the requirements in {question.title} cannot be locked: " + "\n".join(words)))
    output = Path(question.output)
    found = redaction.url(output.read_text("utf-8"), str)
    secrets = {name: environ[name] for name in {*question.secrets} - credentials.PATHS if name in environ}
    if redaction.Redactor(redaction.values(secrets, secrets, ()))(found) != found:
        raise ProvisionError("the lock would hold a secret, as a part of the address of a package: it is not written")
    output.write_text(found, encoding="utf-8")


def _about_places(line: Dict[str, str]) -> Dict[str, str]:
    """Variables by which a line's stage says where packages are, without those that name a file of the image."""
    return {name: value for name, value in line.items() if name.startswith(FROM_LINE) and name not in credentials.PATHS}


def _command(question: Question, chosen: settings.Settings, asked: requirements.Asked, here: Layout) -> List[str]:
    project = here.run / "project"
    project.mkdir()
    # A list of strings is the same in JSON and in TOML.
    (project / "pyproject.toml").write_text(f"[tool.uv]\nenvironments = {json.dumps(question.environments)}\n")
    here.tmp.mkdir(exist_ok=True)
    command = [
        *(question.uv, "pip", "compile", "--quiet", "--universal", "--format=pylock.toml", "--no-header"),
        *("--no-python-downloads", "--color=never", "--no-progress"),
        *installer.STRATEGY,
        *(f"--project={project}", f"--python={sys.executable}", f"--python-version={question.python}"),
        *(*chosen.arguments, *installer.arguments(asked), *question.options),
        f"--output-file={question.output}",
        str(installer.written(here, "requirements.txt", asked.lines())),
    ]
    if asked.constraints:
        command.append(f"--constraints={installer.written(here, 'constraints.txt', asked.constraints)}")
    command += map(str, asked.projects)
    command += [one.replace("--group=", f"--group={path}:") for path in asked.projects for one in asked.choice]
    return list(dict.fromkeys(command))


def _environment(question: Question, chosen: settings.Settings, netrc: "Path | None") -> Dict[str, str]:
    """Variables for uv, which is to find no configuration file of its own."""
    empty = Path(question.tmp, "configuration")
    (empty / "uv").mkdir(parents=True)
    (empty / "uv" / "uv.toml").touch()
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR", "UV_CACHE_DIR", "UV_NO_CACHE") if name in os.environ}
    own = {**chosen.environment, **kept, "XDG_CONFIG_HOME": str(empty), "XDG_CONFIG_DIRS": str(empty)}
    return {**own, "NETRC": str(netrc)} if netrc else own


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _text(path: str) -> "str | None":
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main(Question(**json.load(sys.stdin))))
