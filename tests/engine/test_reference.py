"""The examples of the reference build, all in one build, and its commands run."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from tests.bed import cli, settings
from tests.bed.engine import Engine
from tests.reference import Example, examples

from dockerfile_pyenv.dockerfile.lexer import lex

IMAGE = "dockerfile-pyenv:dev"
PUBLISHED = "dockerfile-pyenv:1"
EXAMPLES = examples()


def joined(parts: list[Example]) -> str:
    """One Dockerfile of many: ARG lines above FROM first, then all stages, and one that needs each of them."""
    above: list[str] = []
    stages: list[str] = []
    for example in parts:
        head, *rest = re.split(r"(?m)^(?=FROM )", example.dockerfile)
        above += [item.text for item in lex(head.encode()).instructions]
        stages += rest
    named = [re.sub(r"\A(FROM \S+)$", rf"\1 AS s{n}", text, flags=re.MULTILINE) for n, text in enumerate(stages)]
    names = [re.findall(r"\AFROM .* AS (\S+)", text)[0] for text in named]
    ends = "".join(f"COPY --from={name} /etc/passwd /{name}\n" for name in names)
    args = "".join(f"ARG {text}\n" for text in dict.fromkeys(above))
    return f"# syntax={IMAGE}\n{args}{''.join(named)}\nFROM scratch\n{ends}"


def test_every_example_builds(engine: Engine, tmp_path: Path) -> None:
    """But for those that the page itself says are planned only."""
    parts = [one for one in EXAMPLES if one.kind == "build"]
    assert len(parts) > 5
    for one in parts:
        one.write(tmp_path)
    (tmp_path / "Dockerfile").write_text(joined(parts))
    engine.build(tmp_path)


def test_an_image_of_ones_own_is_derived_from_the_frontends(engine: Engine) -> None:
    """A site's defaults are an image of a few lines."""
    for one in EXAMPLES:
        if one.kind == "frontend":
            engine.build("-", input=one.dockerfile.replace(PUBLISHED, IMAGE))


def test_commands_of_the_image_print_what_the_page_shows(engine: Engine) -> None:
    """They are run as they stand there, but for the image's tag."""
    path = f"{cli.DOCKER.parent}{os.pathsep}{os.environ['PATH']}"
    for example in EXAMPLES:
        for block in (one for one in example.commands if "engine" in one.attributes):
            with tempfile.TemporaryDirectory(dir=settings.STATE) as directory:
                example.write(Path(directory))
                command, _, shown = block.text.removeprefix("$ ").partition("\n")
                done = subprocess.run(
                    ["sh", "-c", command.replace(PUBLISHED, IMAGE)],
                    cwd=directory,
                    env=engine.environment({"PATH": path}),
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert re.fullmatch(".*".join(map(re.escape, shown.split("…"))), done.stdout), done.stderr
