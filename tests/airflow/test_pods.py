"""Pods of the Kubernetes provider in images with PYENV lines, by the commands that the installed provider writes."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.bed import standins

if TYPE_CHECKING:
    from tests.airflow.conftest import Example, Runtimes
    from tests.bed.engine import Engine
    from tests.engine.conftest import Project

PROVIDER = "--exclude-newer=2025-11-20 apache-airflow-providers-cncf-kubernetes"
USERS = {
    "the image's user": (),
    "any user of group 0": ("--user=1000680000:0",),
    "read-only": ("--user=1000680000:0", "--read-only", "--tmpfs=/tmp"),
}

Volume = Callable[[], str]


@pytest.fixture
def volume(engine: Engine) -> Iterator[Volume]:
    """Volumes that any user can write to, as kubelet makes them for `emptyDir`."""
    made = []

    def make() -> str:
        name = f"pod-{uuid.uuid4().hex}"
        made.append(name)
        engine.run("debian:bookworm-slim", "chmod", "0777", "/volume", options=(f"--volume={name}:/volume",))
        return name

    yield make
    engine.docker("volume", "rm", "--force", *made)


def start(engine: Engine, image: str, pod: dict[str, Any], *options: str) -> str:
    """Run the base container of a pod as kubelet would, as far as its command, environment and user go."""
    container = pod["spec"]["containers"][0]
    user = pod["spec"].get("securityContext", {}).get("runAsUser")
    command = container.get("command", [])
    words = [
        *([f"--user={user}"] if user else []),
        *(f"--env={one['name']}={one['value']}" for one in container.get("env", []) if "value" in one),
        *([f"--entrypoint={command[0]}"] if command else []),
        *options,
    ]
    return engine.run(image, *command[1:], *container.get("args", []), options=tuple(words))


def pods_of(engine: Engine, example: Path, airflow: str) -> dict[str, Any]:
    """The pods that the provider, installed into an image with Airflow, writes for the example."""
    script = (Path(__file__).parent / "pod_commands.py").read_text()
    (example / "Dockerfile.provider").write_text(
        f"FROM {airflow}\nUSER root\nRUN uv pip install --system --no-cache {PROVIDER}\nUSER astro\n"
        "COPY --chown=50000 pod_commands.py dags/pods.py /tmp/pods/\n"
    )
    (example / "pod_commands.py").write_text(script)
    image = engine.build(f"--file={example / 'Dockerfile.provider'}", example).image
    said = engine.run(image, "python", "/tmp/pods/pod_commands.py", "/tmp/pods/pods.py")
    found: dict[str, Any] = json.loads(re.findall(r"^pods: (\{.*\})$", said, re.MULTILINE)[-1])
    return found


def test_pods_run_in_environments(runtimes: Runtimes, example: Example, volume: Volume, project: Project) -> None:
    """`@task.kubernetes`, KubernetesPodOperator and KubernetesExecutor's template, as the users that clusters have."""
    engine = runtimes(standins.ASTRO_3)
    context = example("kubernetes", {})
    image = engine.build(context).image
    pods = pods_of(engine, context, "astrocrpublic.azurecr.io/runtime:3.1-5-base")
    for options in USERS.values():
        xcom = volume()
        mounted = f"--volume={xcom}:/airflow/xcom"
        expected = {
            "decorated": '{"python": "3.13.5", "table": "1  2\\n3  4"}',
            "command": '"0.9.0"',
        }
        for task, value in expected.items():
            start(engine, image, pods[task], *options, mounted)
            assert engine.run(image, "cat", "/airflow/xcom/return.json", options=(mounted,)) == value, (task, options)
    added = 'pip install --quiet toolz==1.0.0 && python -c "import toolz; print(toolz.__version__)"'
    assert engine.run(image, "bash", "-c", added, options=("--user=1000680000:0",)) == "1.0.0"

    text = "# syntax=dockerfile-pyenv:dev\nFROM astrocrpublic.azurecr.io/runtime:3.1-5-base\nPYENV 3.13 etl e.txt\n"
    airflow = engine.build(project({"Dockerfile": text, "e.txt": "tabulate==0.9.0\n"})).image
    assert start(engine, airflow, pods["executor"]) == "0.9.0"
