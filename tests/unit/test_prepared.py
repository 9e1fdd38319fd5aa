"""What the image prepares for the start of the frontend: the same modules, found and compiled before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

IMAGE = Path(__file__).parents[2] / "frontend/image"
PATH = os.pathsep.join([str(IMAGE), *(path for path in sys.path if "frontend" in path)])


def python(*words: str) -> str:
    """Run this Python as the image's is run, but with the packages of this tree."""
    return subprocess.run(
        [sys.executable, *words], env={"PYTHONPATH": PATH}, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that prepare.py writes."""
    file = tmp_path_factory.mktemp("prepared") / "prepared"
    python(str(IMAGE / "prepare.py"), str(IMAGE), str(IMAGE / "lean"), str(file))
    return file


def test_it_is_the_same_every_time(file: Path, tmp_path: Path) -> None:
    """Equal input gives equal layers of the image."""
    python(str(IMAGE / "prepare.py"), str(IMAGE), str(IMAGE / "lean"), str(tmp_path / "again"))
    assert file.read_bytes() == (tmp_path / "again").read_bytes()


def test_nothing_is_compiled_at_the_start(file: Path) -> None:
    """Neither the text of a module, nor methods, nor a regular expression, and source is not read."""
    program = f"""if True:
        import prepared
        prepared.use({str(file)!r})
        import re, sys
        def unprepared(*arguments):
            raise AssertionError(arguments)
        def audit(event, arguments):
            if event == "compile" and isinstance(arguments[0], str):
                unprepared(arguments)  # bytes come from protobuf's compiled code
        sys.addaudithook(audit)
        re._compiler._code = unprepared
        import dockerfile_pyenv.__main__, dockerfile_pyenv.frontend, buildkit_llb.stdio
        print(*sorted({{"ast", "inspect", "traceback"}} & set(sys.modules)))
    """
    assert python("-c", program) == "inspect\n"


def test_modules_do_what_they_do_without_it(file: Path) -> None:
    """Their files and lines are known, their classes and expressions are equal."""
    program = """if True:
        import pickle, re
        from dockerfile_pyenv.dockerfile import lexer, words
        from dockerfile_pyenv.instruction.statement import parse
        dockerfile = lexer.lex(b"FROM a\\nPYENV --secret=id=b 3.9 c d.txt 'e>=1'\\n")
        line = parse(dockerfile.instructions[1], dockerfile)
        print(dockerfile, line, line == parse(dockerfile.instructions[1], dockerfile))
        print(lexer.__file__, lexer.__package__, lexer.__spec__.parent, lexer.lex.__code__.co_filename)
        for module in (lexer, words):
            for name, value in sorted(vars(module).items()):
                if isinstance(value, re.Pattern):
                    print(name, value, value.flags, value.groups, value.groupindex)
    """
    without = python("-c", program)
    assert python("-c", f"import prepared; prepared.use({str(file)!r})\n{program}") == without
    assert without.count("re.compile") >= 5


def test_a_stand_in_becomes_the_module(file: Path) -> None:
    program = f"""if True:
        import prepared
        prepared.use({str(file)!r})
        import inspect, logging
        lean = inspect.__file__, logging.__file__, hasattr(logging, "__path__")
        print(inspect.signature(lambda a, *, b: 0), logging.WARNING, logging.getLogger("a").name)
        print(lean)
    """
    signature, files = python("-c", program).splitlines()
    assert signature == "(a, *, b) 30 a"
    assert files == str((str(IMAGE / "lean/inspect.py"), str(IMAGE / "lean/logging.py"), False))


def test_without_the_file_nothing_changes() -> None:
    """The frontend starts outside of its image, too."""
    program = "import sys, prepared; before = [*sys.meta_path]; prepared.use(); print(before == sys.meta_path)"
    assert python("-c", program) == "True\n"
