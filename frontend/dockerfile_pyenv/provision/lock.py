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
import re
import sys
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple
from urllib.parse import unquote

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

ADDRESS = re.compile(r'"(\w[\w+.-]*://[^"]*)"')
"""An address in a lock."""

TOKEN = 8
"""Characters that a part of a secret address has at least, if it may be a token."""


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
    used: List[str]
    """Names of variables whose values may stand in the line's words and heredocs."""
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
    here = Layout(run=Path(question.tmp))
    secrets = {name: os.environ[name] for name in question.secrets if name in os.environ}
    line = {name: value for name, value in question.env.items() if name not in secrets}
    home = os.environ.get("HOME", "/")
    environ = {**os.environ, **_about_places(line)}
    bundles = (os.environ.get(name) for name in credentials.CERTIFICATES if name in question.secrets)
    if bundle := next(filter(None, bundles), None):
        environ["PIP_CERT"] = bundle  # as in a step, a secret's goes before all others
    files = settings.pip_config_files(environ, home, _text)
    netrc = credentials.netrc(environ, home, here)
    redact = redaction.Redactor(
        redaction.values(
            {**line, **environ},
            set(question.secrets) - credentials.PATHS,
            [text for _, text in files] + [_text(str(netrc)) or "" if netrc else ""],
        )
    )
    try:
        lock(question, here, environ, files, netrc, {**secrets, **line}, redact)
    except (ProvisionError, requirement_lines.LineError) as error:
        sys.stdout.write(redact(f"{error}\n"))
        return 1
    return 0


def lock(  # noqa: PLR0913, PLR0917 - a lock is described by this many facts
    question: Question,
    here: Layout,
    environ: Dict[str, str],
    files: Sequence[Tuple[str, str]],
    netrc: "Path | None",
    known: Dict[str, str],
    redact: redaction.Redactor,
) -> None:
    """Write the lock. Raises ProvisionError, or LineError of a line on the PYENV line.

    `environ` says where packages are, as `files` of pip do; `known` has the values of variables in requirements files:
    those that a build has, too.
    """

    def note(text: str) -> None:
        sys.stderr.write(redact(f"{text}\n"))

    chosen = settings.settings(environ, files, kind=here.kind, system_certificates=installer.has_certificates(here))
    for text in chosen.notes:
        note(text)
    asked = requirements.read(
        question.names, question.lines, known, Workspace(run=here.run), note, choice=question.choice
    )
    own = _environment(question, chosen, netrc)
    _refuse_unknown(asked, known, own)
    if asked.index:
        installer.without_default(own)
    status, text = uv.run(_command(question, chosen, asked, here), own, note, redact, tells_older=False)
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
        raise ProvisionError(f"the requirements in {question.title} cannot be locked: " + "\n".join(words))
    output = Path(question.output)
    found = redaction.url(output.read_text("utf-8"), str)
    hidden = redaction.Redactor(_hidden(question, environ, files, known, asked))
    if any(hidden(address) != address for address in ADDRESS.findall(found)):
        raise ProvisionError(
            "the lock would hold a secret, as a part of the address of a package: it is not written. Where the index "
            "takes it as a user or password, too, give it so, or in a netrc file"
        )
    output.write_text(found, encoding="utf-8")


def _refuse_unknown(asked: requirements.Asked, known: Dict[str, str], environ: Dict[str, str]) -> None:
    """Refuse a variable that this machine has, by which uv would look somewhere that no build does."""
    words = "\n".join([*asked.lines(), *asked.constraints, *asked.places()])
    for name in requirement_lines.VARIABLE.findall(words):
        if name in environ and not known.get(name):
            raise ProvisionError(
                f"${{{name}}} has a value on this machine, which no build sees: say --secret=id={name} on the line, or "
                f"ARG {name} in its stage, with --build-arg={name} here and in the build"
            )


def _hidden(
    question: Question,
    environ: Dict[str, str],
    files: Sequence[Tuple[str, str]],
    known: Dict[str, str],
    asked: requirements.Asked,
) -> Iterator[str]:
    """Find what must not be in a lock: secrets and what their addresses hold, and variables whose names say it."""
    names = {*question.secrets} - credentials.PATHS
    secrets = {name: value for name, value in {**environ, **known}.items() if name in names}
    texts = (_text(str(path)) or "" for path in asked.files.values())
    used = {*question.used, *(name for text in texts for name in requirement_lines.VARIABLE.findall(text))}
    yield from redaction.values({**{name: known[name] for name in used if name in known}, **secrets}, names, ())
    yield from _tokens(secrets.values())
    if "PIP_CONFIG_FILE" in question.secrets:
        yield from _tokens(text for path, text in files if path == environ.get("PIP_CONFIG_FILE"))


def _tokens(texts: Iterable[str]) -> Iterator[str]:
    """Find parts of secret addresses that may be what is secret in them.

    Where an address has a password beside, words in small letters, such as `artifactory`, are none.
    """
    for address in (address for text in texts for address in re.findall(r"\w://(\S+)", text)):
        host, _, path = address.partition("/")
        for part in re.split(r"[/?&=#]", path):
            if len(part) >= TOKEN and not ("@" in host and re.fullmatch(r"[a-z._-]+", part)):
                yield from (part, unquote(part))


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


def _text(path: str) -> "str | None":
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main(Question(**json.load(sys.stdin))))
