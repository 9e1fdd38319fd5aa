"""Locks the requirements of one PYENV line with uv, on the machine that runs `dockerfile-pyenv lock`.

    python -I -B lock.py < QUESTION

QUESTION is JSON with the fields of `Question`. Requirements files, settings of pip and uv, and secrets are handled as
in a step: hence the modules of `environment`, which import nothing of the project. The working directory is the build
context. An error is written to standard output, uv's output to standard error.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple

sys.path.insert(0, str(Path(__file__).with_name("environment")))

import credentials
import failure
import indexes
import older_setuptools
import redaction
import requirement_lines
import resolve_includes
import secret_parts
import settings
import uv_command
import uv_installer
from layout import Layout, ProvisionError
from resolve_includes import BINARY

FROM_LINE = ("PIP_", "UV_")
"""Prefixes of the variables that configure indexes in a line's stage."""

PLACES = re.compile("INDEX|FIND_LINKS")
"""In names of variables whose values are addresses or directories."""

PLACE = re.compile(r"(?<![^\s,])(?:[\w-]+=)?(?:file:|/)[^\s,]*", re.IGNORECASE)
"""A directory in such a value."""

URL = re.compile(r'"(\w[\w+.-]*://[^"]*)"')
"""A URL in a lock."""


class Question(NamedTuple):
    """What to lock."""

    uv: str
    """Path of uv."""
    tmp: str
    """An empty directory."""
    output: str
    """Path of the lock, below `tmp`; versions in it are kept where they fit."""
    names: List[str]
    """Paths of requirements files and projects in the build context."""
    lines: List[str]
    """Requirements on the PYENV line and lines of its heredocs; their paths are relative to the context."""
    choice: List[str]
    """--extra=NAME, --group=NAME."""
    env: Dict[str, str]
    """Variables at the line."""
    secrets: List[str]
    """Names of variables that a build secret of the line sets: this machine may have them."""
    used: List[str]
    """Names of variables whose values may be in the line's words and heredocs."""
    python: str
    """Full version, as far as known."""
    environments: List[str]
    """Markers, one for each platform."""
    options: List[str]
    """Options for uv."""
    title: str
    build_constraints: List[str] = []  # noqa: RUF012 - never changed
    """Values of --build-constraint."""


class ContextLayout(Layout):
    """A build context without an image."""

    @property
    def context(self) -> Path:
        """The working directory."""
        return Path.cwd()

    def find(self, path: str) -> Path:
        """Reject a path of the image. Raises ProvisionError."""
        raise ProvisionError(f"{path} is a path in the image, which is only available in a build")


class Configuration(NamedTuple):
    """Where this machine and the line's stage say that packages are."""

    layout: Layout
    """Of the temporary directory."""
    environ: Dict[str, str]
    """This machine's variables, and those of the stage that configure indexes."""
    pip_files: List[Tuple[str, str]]
    """Name and text of pip.conf files, in pip's order."""
    netrc: "Path | None"
    known: Dict[str, str]
    """Values for variables in requirements files: only those that a build has too."""


def main(question: Question) -> int:
    """Write the lock; return the exit status."""
    configuration = _configuration(question)
    texts = [text for _, text in configuration.pip_files]
    netrc = configuration.netrc
    redact = redaction.Redactor(
        secret_parts.values(
            {**configuration.known, **configuration.environ},
            set(question.secrets) - credentials.PATHS,
            [*texts, _text(str(netrc)) or "" if netrc else ""],
            _secret_files(question, configuration),
        )
    )
    try:
        lock(question, configuration, redact)
    except (ProvisionError, requirement_lines.LineError) as error:
        sys.stdout.write(redact(f"{error}\n"))
        return 1
    return 0


def _configuration(question: Question) -> Configuration:
    layout = Layout(run=Path(question.tmp))
    secrets = {name: os.environ[name] for name in question.secrets if name in os.environ}
    line = {name: value for name, value in question.env.items() if name not in secrets}
    home = os.environ.get("HOME", "/")
    environ = {**os.environ, **_about_indexes(line)}
    bundles = (os.environ.get(name) for name in credentials.CERTIFICATES if name in question.secrets)
    if bundle := next(filter(None, bundles), None):
        environ["PIP_CERT"] = bundle  # as in a step, a secret's overrides all others
    files = settings.pip_config_files(environ, home, _text)
    return Configuration(layout, environ, files, credentials.netrc(environ, home, layout), {**secrets, **line})


def lock(question: Question, configuration: Configuration, redact: redaction.Redactor) -> None:
    """Write the lock. Raises ProvisionError, or LineError of a requirement on the PYENV line."""

    def note(text: str) -> None:
        sys.stderr.write(redact(f"{text}\n"))

    layout = configuration.layout
    chosen = settings.settings(
        configuration.environ,
        configuration.pip_files,
        kind=layout.kind,
        system_certificates=bool(layout.certificates()),
    )
    for text in chosen.notes:
        note(text)
    line = resolve_includes.LineRequirements(question.names, question.lines, question.choice)
    requirements = resolve_includes.resolve(line, configuration.known, ContextLayout(run=layout.run), note)
    _reject_paths(requirements)
    requirements = requirements._replace(requirements=[one for one in requirements.requirements if not _excluded(one)])
    _reject_local_variables(requirements, configuration.known, _variables(question, chosen, configuration.netrc))
    chosen, requirements = _select(question, chosen, requirements, _Run(configuration, note, redact))
    output = Path(question.output)
    found = redaction.url(output.read_text("utf-8"), str)
    if requirements.requirements and not _versions(found) and "\n[[packages]]" not in found:
        raise ProvisionError(f"not writing the lock: {question.title} installs no package on these platforms")
    hidden = redaction.Redactor(_hidden(question, configuration, requirements))
    if any(hidden(url) != url for url in URL.findall(found)):
        raise ProvisionError(
            "not writing the lock: it would hold a secret, as part of a package's URL. If the index also accepts it as "
            "a user name or password, pass it that way, or in a netrc file"
        )
    output.write_text(found, encoding="utf-8")


class _Run(NamedTuple):
    """How uv is run."""

    configuration: Configuration
    note: Callable[[str], None]
    redact: redaction.Redactor


def _select(
    question: Question, chosen: settings.Settings, requirements: resolve_includes.RequirementSet, run: _Run
) -> Tuple[settings.Settings, resolve_includes.RequirementSet]:
    """Let uv write the lock; return the settings and requirements that it was written with. Raises ProvisionError."""
    while True:
        try:
            _compile(question, chosen, requirements, run)
            break
        except indexes.UnansweredError as error:
            run.note(indexes.describe(error))
            chosen, requirements = indexes.without(error.place, chosen, requirements)
    _keep_pkg_resources(question, chosen, requirements, run)
    return chosen, requirements


def _compile(
    question: Question, chosen: settings.Settings, requirements: resolve_includes.RequirementSet, run: _Run
) -> None:
    """Write the lock. Raises ProvisionError, and UnansweredError for an additional index.

    uv prefers the versions that are locked, and may fail for that reason alone: an index that has the version, but not
    every wheel of it, is enough.
    """
    places, first = indexes.additional(chosen, requirements), indexes.first(chosen, requirements)
    variables = _variables(question, chosen, run.configuration.netrc)
    if requirements.index:
        uv_installer.drop_default_index(variables)
    command = _command(question, chosen, requirements, run.configuration.layout)
    locked = Path(question.output)
    retries = locked.exists() and "--upgrade" not in question.options

    def hides(text: str) -> bool:
        return retries or bool(indexes.find(text, places, first))

    status, text = uv_command.run(command, variables, run.note, run.redact, tells_older=False, hides_failure=hides)
    if not status:
        return
    indexes.check(text, chosen, requirements)
    if not retries:
        raise ProvisionError(_explain(question, text))
    locked.unlink()
    run.note("cannot keep the locked versions: selecting all versions again")
    _compile(question, chosen, requirements, run)


def _keep_pkg_resources(
    question: Question, chosen: settings.Settings, requirements: resolve_includes.RequirementSet, run: _Run
) -> None:
    """Lock the setuptools that a build selects: see older_setuptools.py. Nothing else changes."""
    output = Path(question.output)
    before = output.read_text("utf-8")
    newest = _versions(before).get(older_setuptools.NAMED, "")
    python = tuple(map(int, question.python.split(".")[:2]))
    if (
        python >= older_setuptools.WITHOUT
        or not older_setuptools.lacks(newest)
        or older_setuptools.is_named(requirements)
    ):
        return
    limited = requirements._replace(constraints=[*requirements.constraints, older_setuptools.ADVICE])
    kept = question._replace(options=[one for one in question.options if not one.startswith("--upgrade")])
    command = _command(kept, chosen, limited, run.configuration.layout)
    variables = _variables(question, chosen, run.configuration.netrc)
    if requirements.index:
        uv_installer.drop_default_index(variables)
    status, _ = uv_command.run(
        command, variables, run.note, run.redact, tells_older=False, hides_failure=lambda _: True
    )
    after = _versions(output.read_text("utf-8"))
    if status or {**after, older_setuptools.NAMED: newest} != _versions(before):
        output.write_text(before, encoding="utf-8")


def _versions(lock: str) -> Dict[str, str]:
    """Return the versions of packages in a lock of uv, by name."""
    return dict(re.findall(r'^name = "([^"]+)"\nversion = "([^"]+)"$', lock, re.MULTILINE))


def _excluded(line: str) -> bool:
    """Whether a requirement is a path that need not exist: its marker excludes all platforms of the lock.

    The command has checked that the others exist. uv looks at all of them when it locks.
    """
    found = requirement_lines.location(line.partition(" --hash=")[0])
    return bool(found.marker) and found.path.startswith("/") and not Path(found.path).exists()


def _explain(question: Question, text: str) -> str:
    """Explain why uv failed, from what it wrote to standard error."""
    if "error: unexpected argument" in text:
        return (
            f"{question.uv} is a uv version that this command does not support: pip install 'dockerfile-pyenv[lock]' "
            "installs a supported one"
        )
    if "Git executable not found" in text:
        return (
            f"{question.title} requires a git repository, but git is not installed: install it. The frontend's image "
            "has no git: install this command with pip install 'dockerfile-pyenv[lock]' instead"
        )
    words = failure.paragraph(failure.explain(text, ".".join(question.python.split(".")[:2])))
    return f"cannot lock {question.title}: " + "\n".join(words)


def _reject_local_variables(
    requirements: resolve_includes.RequirementSet, known: Dict[str, str], variables: Dict[str, str]
) -> None:
    """Reject a variable that only this machine has: uv would use it, but no build would. Raises ProvisionError."""
    words = "\n".join([*requirements.lines(), *requirements.constraints, *requirements.index_arguments()])
    for name in requirement_lines.VARIABLE.findall(words):
        if name in variables and not known.get(name):
            raise ProvisionError(
                f"${{{name}}} is set on this machine, but not in a build: add --secret=id={name} to the line, or "
                f"ARG {name} to its stage, with --build-arg={name} here and in the build"
            )


def _reject_paths(requirements: resolve_includes.RequirementSet) -> None:
    """Reject addresses of files outside the build context: a build has them in the image. Raises ProvisionError."""
    found = [requirements.index or "", *(value for name, value in requirements.sources if name not in BINARY)]
    lines = [*requirements.requirements, *requirements.constraints]
    found += [one.strip() for line in lines for one in (line, line.partition("@")[2])]
    for address in found:
        if address.lower().startswith("file:"):
            raise ProvisionError(f"{address} is a path in the image, which is only available in a build")


def _hidden(
    question: Question, configuration: Configuration, requirements: resolve_includes.RequirementSet
) -> Iterator[str]:
    """Yield what must not be in a lock: secrets and parts of their URLs, and values of variables named like secrets."""
    names = {*question.secrets} - credentials.PATHS
    environ, known = configuration.environ, configuration.known
    secrets = {name: value for name, value in {**environ, **known}.items() if name in names}
    texts = (_text(str(path)) or "" for path in requirements.files.values())
    used = {*question.used, *(name for text in texts for name in requirement_lines.VARIABLE.findall(text))}
    variables = {**{name: known[name] for name in used if name in known}, **secrets}
    yield from secret_parts.values(variables, names, (), _secret_files(question, configuration))


def _secret_files(question: Question, configuration: Configuration) -> List[Path]:
    """Return this machine's files for variables that a build secret of the line sets; CA bundles are no secret."""
    names = {*question.secrets} & credentials.PATHS - {*credentials.CERTIFICATES}
    return [Path(configuration.environ[name]) for name in sorted(names) if configuration.environ.get(name)]


def _about_indexes(line: Dict[str, str]) -> Dict[str, str]:
    """Return the variables that configure indexes in a line's stage, without files and directories of the image."""
    found = {name: value for name, value in line.items() if name.startswith(FROM_LINE)}
    return {
        name: PLACE.sub("", value) if PLACES.search(name) else value
        for name, value in found.items()
        if name not in credentials.PATHS
    }


def _command(
    question: Question, chosen: settings.Settings, requirements: resolve_includes.RequirementSet, layout: Layout
) -> List[str]:
    project = layout.run / "project"
    project.mkdir(exist_ok=True)
    # A list of strings is the same in JSON and in TOML.
    (project / "pyproject.toml").write_text(f"[tool.uv]\nenvironments = {json.dumps(question.environments)}\n")
    layout.tmp.mkdir(exist_ok=True)
    command = [
        *(question.uv, "pip", "compile", "--quiet", "--universal", "--format=pylock.toml", "--no-header"),
        *("--no-python-downloads", "--color=never", "--no-progress"),
        *uv_installer.STRATEGY,
        *(f"--project={project}", f"--python={sys.executable}", f"--python-version={question.python}"),
        *(*chosen.arguments, *uv_installer.arguments(requirements), *question.options),
        f"--output-file={question.output}",
        str(layout.write_lines("requirements.txt", requirements.lines())),
    ]
    if requirements.constraints:
        command.append(f"--constraints={layout.write_lines('constraints.txt', requirements.constraints)}")
    if question.build_constraints:
        lines = resolve_includes.build_constraints(
            question.build_constraints, (), question.env, ContextLayout(run=layout.run)
        )
        command.append(f"--build-constraints={layout.write_lines('build-constraints.txt', lines)}")
    command += map(str, requirements.projects)
    command += [
        one.replace("--group=", f"--group={path}:") for path in requirements.projects for one in requirements.selection
    ]
    return list(dict.fromkeys(command))


def _variables(question: Question, chosen: settings.Settings, netrc: "Path | None") -> Dict[str, str]:
    """Return variables for uv; with these it finds no configuration file."""
    empty = Path(question.tmp, "configuration")
    (empty / "uv").mkdir(parents=True, exist_ok=True)
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
