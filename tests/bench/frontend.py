"""What the frontend's own process costs: time to its first byte and to its answer, CPU time, and peak memory.

The process is the one of the frontend image, run by the image's own Python in the image's own files; the daemon is a
stand-in that answers at once, so that what is measured is the frontend and nothing else.

`python -m tests.bench.frontend IMAGE ...` compares the CPU time of images. Their runs take turns, so that other load on
the machine hits all alike.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bed import bed, cli, image, settings
from tests.unit.standin import Build

from buildkit_llb import ops

_COMMAND = ["/pyenv/start"]
_TABLE = "/pyenv/site/downloads.json"
"""The table of interpreters of an image with the bed's defaults."""


def measure(runs: int = 15) -> dict[str, dict[str, float]]:
    """Medians by the number of PYENV lines: milliseconds to the preface and to Return, and peak memory in MiB."""
    kind = settings.ENGINES["bench"]
    bed.up([kind.name], ["3.9", "3.11"])
    image.build(kind.docker_host, quiet=True)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        _extract(kind.docker_host, image.NAME, root)
        rows = {f"{lines} PYENV lines": [_run(root, lines) for _ in range(runs)] for lines in (0, 1, 10, 100)}
    return {
        name: {key: round(statistics.median(one[key] for one in many), 1) for key in many[0]}
        for name, many in rows.items()
    }


def compare(host: str, names: list[str], runs: int) -> None:
    """Print medians of milliseconds of CPU time, for each image of an engine and number of PYENV lines."""
    with tempfile.TemporaryDirectory() as directory:
        roots = {name: Path(directory, str(number)) for number, name in enumerate(names)}
        for name, root in roots.items():
            root.mkdir()
            _extract(host, name, root)
        for lines in (0, 1, 100):
            found: dict[str, list[float]] = {name: [] for name in names}
            for _ in range(runs):
                for name, root in roots.items():
                    found[name].append(_run(root, lines)["cpu"])
            for name, values in found.items():
                sys.stdout.write(f"{lines:4} PYENV lines  {statistics.median(values):6.1f} ms  {name}\n")


def _extract(host: str, name: str, root: Path) -> None:
    """Lay the frontend image's files into a directory."""
    docker, environment = cli.command(host)
    env = os.environ | environment
    container = subprocess.run(
        [docker, "create", name, "/none"], env=env, capture_output=True, text=True, check=True
    ).stdout.strip()
    with subprocess.Popen([docker, "export", container], env=env, stdout=subprocess.PIPE) as export:
        subprocess.run(["tar", "-x", "-C", str(root)], stdin=export.stdout, check=True)
    subprocess.run([docker, "rm", container], env=env, capture_output=True, check=True)
    metadata = root / "run/config/buildkit/metadata/frontend.bin"
    metadata.parent.mkdir(parents=True)
    metadata.write_bytes(ops.marshal(ops.image("dockerfile-pyenv:dev")).to_bytes())


def _run(root: Path, lines: int) -> dict[str, float]:
    """One build of a file with so many PYENV lines: milliseconds to preface and Return, peak memory in MiB."""
    text = "# syntax=dockerfile-pyenv:dev\nFROM debian\n"
    text += "".join(f"PYENV 3.{(9, 11)[number % 2]} env_{number}\n" for number in range(lines))
    build = Build({"Dockerfile": text.encode()})
    peak = 0.0

    def answer_return(data: bytes) -> bytes:
        nonlocal peak
        status = Path("/proc", str(process.pid), "status").read_text()
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]
        return build.answer_return(data)

    build.handlers = {"Return": answer_return}
    table = {"UV_PYTHON_DOWNLOADS_JSON_URL": _TABLE} if (root / _TABLE.lstrip("/")).exists() else {}
    daemon = build.daemon()
    started = time.perf_counter()
    with (
        daemon,
        subprocess.Popen(
            ["/usr/sbin/chroot", str(root), *_COMMAND],
            stdin=daemon.client_read,
            stdout=daemon.client_write,
            env={"BUILDKIT_SESSION_ID": "s", **table},
        ) as process,
    ):
        daemon.greeted.wait()
        preface = time.perf_counter()
        build.done.wait()
        returned = time.perf_counter()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    if process.returncode or not build.returned[0].HasField("result"):
        raise SystemExit(f"the frontend failed: {build.returned}")
    return {
        "preface": (preface - started) * 1000,
        "return": (returned - started) * 1000,
        "cpu": cpu * 1000,
        "peak": peak,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.frontend", description=compare.__doc__)
    parser.add_argument("images", nargs="+")
    parser.add_argument("--runs", type=int, default=15, help="of each image (default: 15)")
    parser.add_argument("--host", default=os.environ.get("DOCKER_HOST", ""), help="the bed's engine that has them")
    options = parser.parse_args()
    compare(options.host, options.images, options.runs)
