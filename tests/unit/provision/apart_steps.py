"""The steps of a line that is installed apart from its stage, as the build runs them, but in temporary directories."""

import json
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from layout import Layout
from steps import VERSION

UV = Path(sys.executable).with_name("uv")


class Steps(NamedTuple):
    """A stage below a directory, and what the steps make of it."""

    program: ModuleType
    stage: Layout
    directory: Path

    @property
    def environments(self) -> Path:
        """What is at /opt/astro-pyenv/envs in the installing steps."""
        return self.stage.environments

    @property
    def cache(self) -> Path:
        """The cache that all installs apart from a stage share."""
        return self.directory / "cache"

    @property
    def context(self) -> Path:
        """The requirements directory of the line."""
        return self.stage.run / "contexts/0"

    @property
    def line(self) -> Path:
        """The answers for the line."""
        return self.stage.answers / "lines/epo"

    def ask(self, text: str | None, *inline: str, environ: dict[str, str] | None = None, **more: object) -> int:
        """Write the requirements file, and run `--step=ask`."""
        self.context.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.stage.answers, ignore_errors=True)
        if text is not None:
            (self.context / "req.txt").write_text(text)
        line = {
            "name": "epo",
            "version": VERSION,
            "context": str(self.context),
            "owner": f"{os.geteuid()}:{os.getegid()}",
            "airflow": "",
            "installer": "uv",
            "extra": [],
            "group": [],
            "requirements": [] if text is None else ["req.txt"],
            "inline": list(inline),
            "secrets": [],
            **more,
        }
        variables = {"PATH": "/nowhere"} if environ is None else environ
        return int(self.program.main(["--step=ask", "--", json.dumps([line])], variables, self.stage))

    def install(self, *options: str, secrets: dict[str, str] | None = None, name: str = "install") -> int:
        """Run `--step=install` in a root of its own, with what was asked."""
        layout = self._layout(name)
        shutil.copytree(self.stage.answers / "root", layout.root, symlinks=True)
        shutil.copytree(self.line, layout.answers, symlinks=True)
        for variable, value in (secrets or {}).items():
            layout.secrets.mkdir(exist_ok=True)
            (layout.secrets / variable).write_text(value)
        return int(self.program.main(["--step=install", *self._arguments(options)], {"PATH": "/nowhere"}, layout))

    def fall_back(self, *options: str, environ: dict[str, str] | None = None) -> int:
        """Run `--step=stage`, with what the install left, and afterwards without it."""
        layout = self._layout("fallback")._replace(root=self.stage.root)
        shutil.move(self.environments, layout.apart)
        owner = f"--owner={os.geteuid()}:{os.getegid()}"
        variables = {"PATH": "/nowhere"} if environ is None else environ
        return int(self.program.main(["--step=stage", owner, *self._arguments(options)], variables, layout))

    def build(self, *options: str, files: dict[str, str] | None = None) -> int:
        """Run `--step=build` in a builder that has these files, with the answers and what the install left."""
        layout = self._layout("build")
        for name, text in {"/tmp/x": "", **(files or {})}.items():
            layout.find(name).parent.mkdir(parents=True, exist_ok=True)
            layout.find(name).write_text(text)
        shutil.copytree(self.line, layout.answers, symlinks=True)
        if self.environments.is_dir():
            shutil.move(self.environments, layout.apart)
        return int(self.program.main(["--step=build", *self._arguments(options)], {"PATH": "/nowhere"}, layout))

    def finish(self, *options: str, environ: dict[str, str] | None = None) -> int:
        """Run `--step=finish`, with what the install left at its place."""
        owner = f"--owner={os.geteuid()}:{os.getegid()}"
        variables = {"PATH": "/nowhere"} if environ is None else environ
        layout = self._layout("finish")._replace(root=self.stage.root)
        return int(self.program.main(["--step=finish", owner, *self._arguments(options)], variables, layout))

    def reason(self) -> str:
        """What the install left in place of an environment."""
        (note,) = self.environments.iterdir()
        assert note.name == ".in-stage"
        return note.read_text().rstrip("\n")

    def _layout(self, name: str) -> Layout:
        directory = self.directory / name
        shutil.rmtree(directory, ignore_errors=True)
        layout = self.stage._replace(root=directory / "root", run=directory / "run")
        layout.run.mkdir(parents=True)
        # Where packages' code may run, the step has a cache of its own (emit/commands.py).
        cache = self.directory / "own-cache" if name in {"fallback", "build", "finish"} else self.cache
        cache.mkdir(exist_ok=True)
        layout.cache.symlink_to(cache)
        if self.context.is_dir():
            shutil.copytree(self.context, layout.context, symlinks=True)
        layout.uv.symlink_to(UV)
        return layout

    def _arguments(self, options: tuple[str, ...]) -> list[str]:
        arguments = [*options, "--name=epo", f"--version={VERSION}", f"--interpreter={sys.base_prefix}"]
        if (self.context / "req.txt").is_file():
            arguments.append("--requirement=req.txt")
        return arguments
