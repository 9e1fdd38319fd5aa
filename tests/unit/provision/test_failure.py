"""What people are told of failing installs, from what uv wrote in failures/*.stderr.

`REGENERATE=1 pytest tests/unit/provision/test_failure.py` writes the expectations anew; `failures/record.py` records
uv's own words.
"""

from pathlib import Path

import failure
import pytest
from failure import explain, paragraph

CASES = sorted((Path(__file__).parent / "failures").glob("*.stderr"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_failing_install_is_explained(path: Path, regenerate: bool) -> None:  # noqa: FBT001
    """Each recorded failure has its package, reason and advice, as they stand beside it."""
    text = "\n".join(paragraph(explain(path.read_text(), "3.11"))) + "\n"
    golden = path.with_suffix(".explained")
    if regenerate:
        golden.write_text(text)
    assert golden.read_text() == text


def test_whose_hash_is_wrong() -> None:
    """Installers check the hashes of an index, too: only one that the requirements have is theirs."""
    log = (CASES[0].parent / "hash-of-the-index.stderr").read_text()
    found = explain(log, "3.11")
    assert failure.with_source_of_hash(found, log, [f"alpha==1.0 --hash=sha256:{'1' * 64}"]) == found
    corrected = failure.with_source_of_hash(found, log, ["alpha==1.0"])
    assert corrected.reason.startswith(
        "the hash of the index's file does not match that on the index's page (downloaded"
    )
    assert "old page or file" in corrected.advice


PIP_HASH = """\
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package versions, \
please update the hashes. Otherwise, examine the package contents carefully; someone may have tampered with them.
    alpha==1.0 from http://127.0.0.1:34949/t/files/alpha-1.0-py3-none-any.whl#sha256={0}:
        Expected sha256 {0}
             Got        {1}

"""


def test_whose_hash_is_wrong_with_pip() -> None:
    """Pip calls both the requirements file's."""
    log = PIP_HASH.format("1" * 64, "2" * 64)
    found = failure.with_source_of_hash(failure.of_pip(log, 1, "3.11"), log, ["alpha==1.0"])
    assert found.package == "alpha==1.0"
    assert (
        found.reason == f"the hash of the index's file does not match that on the index's page (downloaded: {'2' * 64})"
    )


def test_what_pip_says() -> None:
    """Its errors are the reason; a build that was killed is told as such."""
    assert failure.of_pip("x\nERROR: a\nERROR: b https://me:pw@h/\n", 1, "3.11").reason == "a b https://***@h/"
    assert failure.of_pip("", 1, "3.11").reason == "see pip's output above"
    killed = failure.of_pip("error: subprocess-exited-with-error\n  exit code: -9\n", 1, "3.11")
    assert killed.reason == "the build of a package was killed (SIGKILL), most likely because memory ran out"


def test_whose_requirement_pip_does_not_find() -> None:
    """A package that nobody named is told with the one that depends on it."""
    line = (
        "ERROR: Could not find a version that satisfies the requirement eggs==9 (from spam) (from versions: 1.0, 2.0)\n"
    )
    found = failure.of_pip(line, 1, "3.11")
    assert found.package == "eggs==9"
    assert found.reason == (
        "spam depends on it, but no index has such a version for Python 3.11 on this platform; the newest versions are "
        "1.0, 2.0"
    )


@pytest.mark.parametrize(
    ("why", "reason", "advice"),
    [
        (
            "SSLError(SSLCertVerificationError(1, 'certificate verify failed: self-signed certificate (_ssl.c:1007)'))",
            "its certificate is not trusted",
            "install the CA certificate",
        ),
        (
            "ReadTimeoutError(\"HTTPSConnectionPool(host='h', port=443): Read timed out. (read timeout=15)\")",
            "it did not answer in time",
            "retry, or set a longer timeout",
        ),
        (
            "NewConnectionError('<C object at 0x7f>: Failed to x')",
            "the connection failed at /simple/a/: Failed to x",
            "check",
        ),
    ],
)
def test_why_pip_does_not_reach_an_index(why: str, reason: str, advice: str) -> None:
    """Pip retries, and then knows of no version."""
    log = (
        f"WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by '{why}': /simple/a/\n"
        "ERROR: Could not find a version that satisfies the requirement a (from versions: none)\n"
    )
    found = failure.of_pip(log, 1, "3.11")
    assert (found.package, found.reason[: len(reason)], found.advice[: len(advice)]) == (
        "the package index",
        reason,
        advice,
    )


KILLED = "killed (SIGKILL), most likely because memory ran out"
MEMORY = "ran out of memory"
SPACE = "found no space left on the engine's disk"
MACHINE = {
    "c++: fatal error: Killed signal terminated program cc1plus": KILLED,
    "gcc: internal compiler error: Killed (program cc1)": KILLED,
    "clang: error: unable to execute command: Killed": KILLED,
    "collect2: fatal error: ld terminated with signal 9 [Killed]": KILLED,
    "error: command '/usr/bin/gcc' terminated by signal 9": KILLED,
    "error: could not compile `ring` (signal: 9, SIGKILL: kill)": KILLED,
    "Killed": KILLED,
    "cc1plus: out of memory allocating 65536 bytes": MEMORY,
    "virtual memory exhausted: Cannot allocate memory": MEMORY,
    "MemoryError": MEMORY,
    "LLVM ERROR: out of memory": MEMORY,
    "OSError: [Errno 28] No space left on device": SPACE,
}


@pytest.mark.parametrize("line", MACHINE)
def test_what_a_build_says_of_a_machine_that_is_too_small(line: str) -> None:
    """Compilers and linkers have words of their own for it."""
    log = (CASES[0].parent / "compiler-killed.stderr").read_text()
    log = "\n".join(line if "died with" in one else one for one in log.splitlines())
    assert explain(log, "3.11").reason.endswith(MACHINE[line])
    assert failure.of_pip(f"error: subprocess-exited-with-error\n{line}\n", 1, "3.11").reason.startswith(
        "the build of a package"
    )


@pytest.mark.parametrize(
    ("cause", "reason", "advice"),
    [
        ("No space left on device (os error 28)", f"the install {SPACE}", "free space"),
        ("Cannot allocate memory (os error 12)", f"the install {MEMORY}", "give the engine more memory"),
        (
            "HTTP status client error (407 Proxy Authentication Required) for url (https://h/)",
            "it denied access to https://h/ (407",
            "pass the proxy with user and password",
        ),
    ],
)
@pytest.mark.parametrize("what", ["Failed to fetch: `https://h/x`", "Failed to extract archive: x-1.0.whl"])
def test_a_machine_or_a_proxy_is_not_the_index(what: str, cause: str, reason: str, advice: str) -> None:
    """A full disk was told as an index that cannot be reached, a proxy's refusal as that of the index."""
    found = explain(f"error: {what}\n  cause: {cause}\n", "3.11")
    assert found.reason.startswith(reason)
    assert found.advice.startswith(advice)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (-9, "uv was killed (SIGKILL, exit status 137), most likely because memory ran out"),
        (137, "uv was killed (SIGKILL, exit status 137), most likely because memory ran out"),
        (-11, "uv was ended by a signal (SIGSEGV, exit status 139)"),
        (2, None),
        (255, None),
    ],
)
def test_an_installer_that_is_killed(status: int, reason: str | None) -> None:
    """A signal is named, as the kernel sends it when memory runs out."""
    found = failure.of_signal("uv", status)
    assert (found and found.reason) == reason


@pytest.mark.parametrize("name", ["\n" * 100_000, "a" * 100_000, "a\nRUN b"], ids=["empty lines", "long", "two lines"])
def test_names_of_any_length_stay_in_their_line(name: str) -> None:
    """An index sends them, and the end of the log has to be read."""
    log = f"error: Failed to download `alpha==1.0`\n  cause: Hash mismatch for `{name}`\n\nExpected:\n  sha256:0\n"
    said = failure.paragraph(failure.explain(log, "3.13"))
    assert 2 <= len(said) <= 3
    assert "\n" not in "".join(said)
    assert sum(map(len, said)) < 10_000
