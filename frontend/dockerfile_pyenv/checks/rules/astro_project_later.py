"""PyenvAstroProjectLater: in Astro mode, a line that names a part of the project before it is copied."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from dockerfile_pyenv.checks.rule import Example, Finding, Rule, RuleContext
from dockerfile_pyenv.checks.shell_words import arguments, commands, flags
from dockerfile_pyenv.dockerfile.lexer import Instruction
from dockerfile_pyenv.plan.astro import AstroStage

_HOME: Final = re.compile(r"\$(?:AIRFLOW_HOME\b|\{AIRFLOW_HOME\})")
_PLAIN: Final = re.compile(r"[\w./@+ -]+")
_TARGET: Final = re.compile(r"(?:^|,)(?:target|dst|destination)=([^,]+)")
_OF_PATH: Final = re.compile(r"--?[\w-]*(?:dir|directory|file|folder|path|requirement|constraint)|-[rcfC]|[<>]")
"""What a path follows."""
_PATHS: Final = frozenset(
    {
        ".", "[", "bash", "cat", "cd", "chgrp", "chmod", "chown", "cp", "diff", "du", "file", "find", "grep", "head",
        "install", "jq", "ln", "ls", "mv", "pushd", "rm", "rsync", "sed", "sh", "sha256sum", "sort", "source", "stat",
        "tail", "tar", "test", "tree", "unzip", "wc",
    }
)  # fmt: skip
"""Programs whose plain words may be paths. To others, such as pip, `dbt` is the name of something else."""
_MOST: Final = 100
"""Paths that are looked up in the build context."""
_MAKERS: Final = frozenset({"mkdir", "tee", "touch"})
_PYTHON: Final = re.compile(r"python3?(?:\.\d+)?")


@dataclass(slots=True)
class _Walk:
    """The lines of a stage above its project."""

    home: str
    directory: str
    """WORKDIR; "" if a variable hides it."""
    given: set[str] = field(default_factory=set)
    """Paths of the project's directory that earlier lines made, relative to it."""

    def named(self, item: Instruction) -> list[str]:
        """Paths of the project that a RUN names, relative to it."""
        for flag in flags(item):
            if flag.startswith("--mount=") and (target := _TARGET.search(flag)):
                self.give(target[1])
        found: list[str] = []
        here = self.directory
        for words in commands(item):
            program = posixpath.basename(words[0])
            for previous, word in zip(["", *words], words, strict=False):
                path = self.relative(word.partition("=")[2] if word.startswith("-") else word, here)
                if path is None:
                    continue
                if program in _MAKERS or previous == ">":
                    self.given.add(path)
                elif self._counts(program, previous, word) and not self.is_given(path):
                    found.append(path)
            if program in {"cd", "pushd"} and len(words) > 1:
                here = self.joined(words[1], here)
        return list(dict.fromkeys(found))

    @staticmethod
    def _counts(program: str, previous: str, word: str) -> bool:
        """Whether a word is a path, by its own look or by where it stands."""
        if "/" in word.strip("/") or _OF_PATH.fullmatch(previous) or word.startswith("-"):
            return True
        return previous != "" and (program in _PATHS or _PYTHON.fullmatch(program) is not None)

    def copied(self, item: Instruction) -> None:
        """Note what a COPY or ADD makes."""
        *sources, target = arguments(item) or [""]
        for source in sources:
            self.give(target)
            self.give(posixpath.join(target, posixpath.basename(source.rstrip("/"))))
            if posixpath.normpath(source.lstrip("/") or ".") == ".":
                self.given.add(".")

    def give(self, path: str) -> None:
        """Note a path that is there from now on."""
        found = self.relative(path, self.directory)
        if found is not None:
            self.given.add(found)

    def is_given(self, path: str) -> bool:
        """Whether earlier lines made a path, or a directory that it is in."""
        return "." in self.given or any(path == one or path.startswith(f"{one}/") for one in self.given)

    def joined(self, path: str, here: str) -> str:
        """A path from a directory; "" for one that a variable hides."""
        path = _HOME.sub(self.home, path)
        if not _PLAIN.fullmatch(path) or (not here and not path.startswith("/")):
            return ""
        return posixpath.normpath(posixpath.join(here, path))

    def relative(self, word: str, here: str) -> str | None:
        """A word as a path of the project, up to its first pattern or variable; None for any other word."""
        word = _HOME.sub(self.home, word)
        plain = re.match(r"[^*?\[$`~]*", word)
        path = plain[0] if plain else ""
        if path != word:
            path = posixpath.dirname(path)
        path = self.joined(path, here) if path else ""
        return path[len(self.home) + 1 :] if path.startswith(f"{self.home}/") else None


def _find(context: RuleContext) -> Iterator[Finding]:
    for stage in context.astro_stages:
        last = context.dockerfile.instructions[stage.project]
        if last.keyword != "PYENV":
            continue
        named = dict(_named(context, stage))
        asked = sorted({path for paths in named.values() for path in paths})[:_MOST]
        present = context.present(asked) if asked else ()
        for index, paths in named.items():
            if there := [path for path in paths if path in present]:
                item = context.dockerfile.instructions[index]
                yield Finding(
                    f"this line runs before the project is in the image, so {_list(there)} {_are(there)} missing: in "
                    f"Astro mode, requirements.txt is installed and the project is copied after the stage's last "
                    f"PYENV line, line {last.lines[1]}. Move this line below that one, or add above this line: "
                    f"{' and '.join(f'COPY --chown=astro:0 {path} {path}' for path in there)}",
                    item.lines,
                )


def _named(context: RuleContext, stage: AstroStage) -> Iterator[tuple[int, list[str]]]:
    """Indexes of the RUN instructions above a project that name parts of it, and these parts."""
    walk = _Walk(stage.directory, stage.directory)
    for index in range(stage.start + 1, stage.project):
        item = context.dockerfile.instructions[index]
        if item.keyword == "WORKDIR":
            walk.directory = walk.joined(item.text.strip("\"'"), walk.directory)
        elif item.keyword in {"ADD", "COPY"}:
            walk.copied(item)
        elif item.keyword == "RUN" and (paths := walk.named(item)):
            yield index, paths


def _list(paths: Sequence[str]) -> str:
    return ", ".join(paths)


def _are(paths: Sequence[str]) -> str:
    return "are" if len(paths) > 1 else "is"


RULE = Rule(
    name="PyenvAstroProjectLater",
    description="In Astro mode the project is copied after the last PYENV line of its stage",
    find=_find,
    good=Example(
        "# syntax=dockerfile-pyenv:1\nFROM quay.io/astronomer/astro-runtime:12.7.1\nPYENV 3.13 etl\nRUN ls dbt\n",
        {"dbt/profiles.yml": ""},
    ),
    bad=Example(
        "# syntax=dockerfile-pyenv:1\nFROM quay.io/astronomer/astro-runtime:12.7.1\nRUN ls dbt\nPYENV 3.13 etl\n",
        {"dbt/profiles.yml": ""},
    ),
)
