# ruff: noqa: PT017 - which values are refused is part of the property
"""Generated text: no value adds an instruction, a word, a flag or an option of a mount."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planning import SETTINGS, Files, plan_of, scopes_of
from tests.unit.planning import download as table
from tests.unit.properties import examples

from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.dockerfile.generated import GeneratedTextError
from dockerfile_pyenv.dockerfile.lexer import Instruction, lex
from dockerfile_pyenv.dockerfile.rewrite import Edits
from dockerfile_pyenv.dockerfile.shell import expand as value_of
from dockerfile_pyenv.emit import expand, plain
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.instruction.lines import pyenv_lines
from dockerfile_pyenv.interpreters.providers import choose
from dockerfile_pyenv.plan import astro, probe, requirement_files
from dockerfile_pyenv.plan.astro import Runtime, RuntimeConfig
from dockerfile_pyenv.plan.make import plan_lines

PIECES = [
    *["\n", "\r", "\\", "`", '"', "'", "$", "${", "}", "$A", " ", "\t", "#", "<<EOF", "\nEOF\n", ",", "=", "[", "]"],
    *[
        "\nRUN evil\n",
        " --mount=type=secret,id=x",
        ",source=/",
        " AS evil",
        "\\\n",
        "`\n",
        "\0",
        "\x0b",
        "\u2028",
        "\x85",
    ],
    *["debian", "/", ":", "http://", "https://host/a", "file:///", "..", "é", "\udcff", "*", "?", "a", "1", "@", "%0a"],
]
VALUES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)
KEYWORDS = {"ADD", "ARG", "COPY", "ENV", "FROM", "LABEL", "RUN", "USER", "WORKDIR"}
ESCAPES = st.sampled_from(["\\", "`"])
FILE = "FROM debian\nARG A\nPYENV {flags}3.13{full} one {words}\nRUN after\n"


def keywords(text: bytes) -> list[str]:
    """The instructions of a text."""
    return [item.keyword for item in lex(text).instructions]


def shape(items: tuple[Instruction, ...]) -> list[tuple[str, int, list[str]]]:
    """What no value may change of some instructions: each one's keyword, its number of words, and its mounts."""
    found = []
    for item in items:
        flags, _, rest = item.text.partition("[")
        try:
            words = len(json.loads("[" + rest))
        except ValueError:
            words = len(item.text.split())
        mounts = [re.sub(r"=[^,=]*", "=", flag) for flag in flags.split() if flag.startswith("--")]
        found.append((item.keyword, words, mounts))
    return found


@examples(400)
@given(VALUES, ESCAPES)
def test_a_word_is_the_value_or_refused(value: str, escape: str) -> None:
    """What stands in the text expands to the value itself."""
    for write in (generated.word, generated.quoted):
        try:
            text = write(value, "it", escape)
        except GeneratedTextError as error:
            assert error.args[0].isprintable()
            continue
        source = f"# escape={escape}\nFROM a\nUSER {text}\nRUN after\n".encode()
        items = lex(source).instructions
        assert [item.keyword for item in items] == ["FROM", "USER", "RUN"]
        assert value_of(text, {}, escape=escape) == value


@examples(400)
@given(VALUES, VALUES, ESCAPES)
def test_copy_has_two_words_which_are_the_paths(path: str, target: str, escape: str) -> None:
    """No character in them is a pattern, a quote or a variable."""
    try:
        text = generated.copy(path, target, escape)
    except GeneratedTextError:
        return
    (item,) = lex(f"# escape={escape}\n{text}".encode()).instructions
    written, to = (value_of(word, {}, escape=escape) for word in json.loads(item.text))
    assert to == target
    assert re.sub(r"\[([*?\[])\]|\\(\\)", lambda match: match[1] or match[2], written) == path


@examples(400)
@given(VALUES, VALUES, ESCAPES)
def test_add_has_two_words(url: str, target: str, escape: str) -> None:
    """An address of a table or a mirror, and a file's name."""
    try:
        text = generated.add(url, target, escape)
    except GeneratedTextError:
        return
    (item,) = lex(f"# escape={escape}\n{text}".encode()).instructions
    words = json.loads(item.text) if item.text.startswith("[") else item.text.split(" ")
    assert [value_of(word, {}, escape=escape) for word in words] == [url, target]


@examples(400)
@given(st.lists(VALUES, max_size=4), ESCAPES)
def test_a_command_is_its_arguments(arguments: list[str], escape: str) -> None:
    """None opens a heredoc."""
    source = f"# escape={escape}\nFROM a\nRUN --mount=type=bind {generated.command(arguments)}\nRUN after\n".encode()
    items = lex(source).instructions
    assert [item.keyword for item in items] == ["FROM", "RUN", "RUN"]
    assert json.loads(items[1].text.removeprefix("--mount=type=bind ")) == arguments
    assert not items[1].heredocs


@examples(200)
@given(VALUES)
def test_images_and_platforms_are_one_word(value: str) -> None:
    """FROM has no quotes in old builders."""
    for write in (generated.image, generated.platform):
        try:
            text = write(value, "it")
        except GeneratedTextError as error:
            assert error.args[0].isprintable()
            continue
        assert text == value
        assert value_of(text, {}) == value
        assert len(text.split()) == 1


@examples(200)
@given(VALUES, st.sampled_from(["", "#", "a"]), st.integers(1, 40_000))
def test_a_long_line_is_continued_and_stays_the_same(value: str, head: str, count: int) -> None:
    """Upstream reads no line that is longer than 65,535 bytes."""
    text = f"RUN {head}{generated.command([value * count])}\n"
    split = generated.continued(text, "\\")
    assert [item.text for item in lex(split.encode()).instructions] == [text[4:-1]]


def test_a_comment_is_one_short_line() -> None:
    """Whatever a file or an interpreter is called."""
    assert generated.comment("a\nRUN evil\0") == r"a\nRUN evil\x00"
    assert len(generated.comment("a" * 100_000)) < 20_000


def rendered(
    flags: str = "",
    words: str = "",
    settings: Mapping[str, str] | None = None,
    *,
    full: str = "",
    user: str = "",
    escape: str = "\\",
    style: plain.Style | None = None,
    label: str = "",
    values: Mapping[str, str] | None = None,
) -> tuple[bytes, bytes]:
    """The expanded and the rendered text of a file in which a PYENV line's $words have the values of a build."""
    head = "# escape=`\n" if escape == "`" else ""
    dockerfile = lex((head + FILE.format(flags=flags, words=words, full=full)).encode())
    lines = pyenv_lines(dockerfile)
    scopes = {
        number: tuple(
            replace(
                one,
                user=user,
                words=tuple(_valued(word, values or {}) for word in one.words),
                base="docker-image://docker.io/library/debian",
            )
            for one in found
        )
        for number, found in scopes_of(dockerfile, lines).items()
    }
    known = {**SETTINGS, **(settings or {})}
    plan = plan_lines(
        dockerfile,
        lines,
        scopes,
        lambda statement, _: choose(statement, lambda: "gnu", ["linux/amd64"], lambda name: known.get(name, ""), table),
        label=lambda _: label,
    )
    files = requirement_files.collect(plan, Files({}, all_there=True))
    style = style or plain.Style("Dockerfile", "linux/amd64", setting=lambda name: known.get(name, ""))
    return expand.expand(dockerfile, plan).text, plain.render(dockerfile, plan, files, style)


def _valued(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace("$" + name, value)
    return word


SETTING_NAMES = [
    "PYENV_BUILDER",
    "PYENV_SOURCE_MIRROR",
    "PYENV_SOURCE_SHA256",
    "UV_PYTHON_INSTALL_MIRROR",
    "PYENV_INTERPRETER",
    "PYENV_LIBC",
]


@examples(600)
@given(st.dictionaries(st.sampled_from(SETTING_NAMES), VALUES, min_size=1), st.booleans(), ESCAPES)
def test_no_setting_changes_the_shape_of_the_text(settings: dict[str, str], source: bool, escape: str) -> None:  # noqa: FBT001
    """A mirror may change where a file comes from, and nothing else."""
    flags, full = ("--interpreter=source ", ".9") if source else ("", "")
    if source:
        settings.setdefault("PYENV_SOURCE_SHA256", "a" * 64)
    for interpreter in ("source", "base", f"image:{settings.get('PYENV_INTERPRETER', '')}"):
        if "PYENV_INTERPRETER" in settings:
            settings["PYENV_INTERPRETER"] = interpreter
        try:
            texts = rendered(flags, settings=settings, full=full, escape=escape)
        except DockerfileError as error:
            assert error.lines == (3 + (escape == "`"),) * 2
            assert error.message.isprintable()
            continue
        for text in texts:
            items = lex(text).instructions
            assert {item.keyword for item in items} <= KEYWORDS
            assert [item.text for item in items if item.keyword == "RUN" and not item.text.endswith("]")] == ["after"]
            for item in items:
                if item.keyword in {"ADD", "COPY"} and not item.text.startswith(("[", "--from")):
                    assert len(item.text.split()) == 2
                if item.keyword == "FROM":
                    assert len([word for word in item.text.split() if word[:2] != "--"]) in {1, 3}


@examples(300)
@given(VALUES, VALUES, ESCAPES)
def test_no_value_of_the_image_changes_the_shape_of_the_text(user: str, label: str, escape: str) -> None:
    """USER and the label of a base image."""
    entry = {"name": label, "version": "3.9", "interpreter": label, "path": label}
    expected = [shape(lex(text).instructions) for text in rendered(escape=escape, label="[]")]
    try:
        texts = rendered(user=user, label=json.dumps([entry]), escape=escape)
    except DockerfileError as error:
        assert error.lines == (3 + (escape == "`"),) * 2
        return
    for text, same in zip(texts, expected, strict=True):
        found = shape(lex(text).instructions)
        assert [one for one in found if one[0] not in {"USER", "LABEL"}] == [
            one for one in same if one[0] not in {"USER", "LABEL"}
        ]
        assert keywords(text) == [keyword for keyword, *_ in same]


@examples(300)
@given(VALUES, ESCAPES)
def test_no_file_name_changes_the_shape_of_the_text(value: str, escape: str) -> None:
    """A build argument may name the file."""
    expected = [shape(lex(text).instructions) for text in rendered(words="a.txt", escape=escape)]
    try:
        texts = rendered(words="$F", values={"F": value + ".txt"}, escape=escape)
    except DockerfileError as error:
        assert error.lines == (3 + (escape == "`"),) * 2
        return
    for text, same in zip(texts, expected, strict=True):
        assert shape(lex(text).instructions) == same


@examples(200)
@given(VALUES, VALUES, VALUES)
def test_no_option_of_the_command_line_changes_the_shape_of_the_text(name: str, platform: str, tools: str) -> None:
    """The file's name, --platform and --tools."""
    expected = keywords(rendered()[1])
    try:
        text = rendered(style=plain.Style(name, platform, tools))[1]
    except PyenvError as error:
        assert error.message.isprintable()
        return
    assert keywords(text) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"PYENV_BUILDER": "debian\nRUN evil"}, r"PYENV_BUILDER: debian\nRUN evil is not an image reference"),
        ({"PYENV_BUILDER": "debian evil"}, "PYENV_BUILDER: debian evil is not an image reference"),
        (
            {"PYENV_SOURCE_MIRROR": "http://a\nRUN evil"},
            "PYENV_SOURCE_MIRROR contains a line break: http://a\\nRUN evil",
        ),
        ({"PYENV_SOURCE_SHA256": "a\nb"}, r"PYENV_SOURCE_SHA256: a\nb is not a SHA-256 checksum of 64 digits"),
    ],
)
def test_a_setting_is_refused_in_a_sentence(settings: dict[str, str], message: str) -> None:
    """At the line whose interpreter it is for."""
    given = {"PYENV_SOURCE_SHA256": "a" * 64, **settings}
    with pytest.raises(DockerfileError) as caught:
        rendered("--interpreter=source ", settings=given, full=".9")
    assert (caught.value.message, caught.value.lines) == (message, (3, 3))


def test_an_unknown_c_library_is_refused() -> None:
    """It was an internal error."""
    with pytest.raises(DockerfileError) as caught:
        rendered(settings={"PYENV_LIBC": "glibc"})
    assert caught.value.message == "PYENV_LIBC: glibc is not a C library: write gnu or musl"


def test_a_user_with_a_line_break_is_refused() -> None:
    """Of the base image."""
    with pytest.raises(DockerfileError, match=r"USER contains a line break: 1\\nRUN evil"):
        rendered(user="1\nRUN evil")


@pytest.mark.parametrize("raw", [r"'a\' --network=host", r"a'\'"])
def test_a_mount_is_one_flag_for_run_too(raw: str) -> None:
    """RUN escapes in single quotes, ENV does not: the rest of the text would be part of the flag."""
    dockerfile = lex(f"FROM a\nPYENV --mount={raw} 3.9 one\n".encode())
    (line,) = pyenv_lines(dockerfile)
    assert isinstance(line.statement, DockerfileError)
    assert "as one flag" in line.statement.message
    assert keywords(probe.text(dockerfile, [line]).text) == ["FROM", "RUN"]


def runtime_edits(image: str, user: str, directory: str, line: str) -> Edits:
    """What Astro mode does to a file whose Runtime image has these values."""
    dockerfile = lex(b"FROM $I\nWORKDIR /x\nPYENV 3.13 one\n")
    runtime = Runtime(0, 2, image + "/astro-runtime:12")
    config = RuntimeConfig(("COPY packages.txt .", f"RUN {line}", "COPY . ."), (), user, directory)
    return astro.around(dockerfile, pyenv_lines(dockerfile), runtime, config, ["packages.txt"]).edits


def keywords_of(edits: Edits) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """The instructions of what is replaced and of what is inserted, by the index of the user's instruction."""
    inserted = {index: added.text for index, added in edits.inserted.items()}
    replaced, added = (
        {index: keywords(text.encode("utf-8", "surrogateescape")) for index, text in texts.items()}
        for texts in (edits.replaced, inserted)
    )
    return replaced, added


@examples(300)
@given(*(st.just(value) | VALUES for value in ("host/a", "astro", "/home/astro", "true")))
def test_no_config_of_a_runtime_adds_an_instruction(image: str, user: str, directory: str, line: str) -> None:
    """Astro mode writes out what it says: the instructions are those of an image whose values are harmless."""
    try:
        edits = runtime_edits(image, user, directory, line)
    except DockerfileError as error:
        assert error.lines == (1, 1)
        return
    harmless = runtime_edits("host/a", "astro", "/home/astro", "true")
    assert keywords_of(edits) == keywords_of(harmless)


def test_a_long_line_of_a_stage_that_is_not_built_is_no_error() -> None:
    """Its comment is cut, and the words of the others are continued."""
    words = " ".join(f"\\\n  package-{number}==1.0.0" for number in range(4000))
    source = f"FROM a AS one\nPYENV 3.9 one {words}\nFROM a\nPYENV 3.9 two {words}\n".encode()
    dockerfile, plan = plan_of(source, [None, {}])
    lines = pyenv_lines(dockerfile)
    for text in (expand.expand(dockerfile, plan).text, probe.text(dockerfile, lines).text):
        assert max(map(len, text.split(b"\n"))) <= generated.LONGEST_LINE
        items = lex(text).instructions
        assert sum("package-3999==1.0.0" in item.text for item in items) >= 1
