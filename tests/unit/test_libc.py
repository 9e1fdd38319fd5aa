"""Which C library an image has, by what is known of it."""

import pytest

from dockerfile_pyenv.interpreters.libc import told_by

ALPINE = "ADD alpine-minirootfs-3.22.1-x86_64.tar.gz / # buildkit"


@pytest.mark.parametrize(
    ("reference", "history", "labels", "expected"),
    [
        pytest.param("docker.io/library/alpine:3.22", [], {}, "musl", id="its name says so"),
        pytest.param("docker.io/library/python:3.13-alpine", [], {}, "musl", id="its tag says so"),
        pytest.param("docker-image://docker.io/rust/musl@sha256:ab", [], {}, "musl", id="its repository says so"),
        pytest.param(
            "docker-image://alpine.example.com:5000/debian:12", [], {}, "", id="a registry's name is no proof"
        ),
        pytest.param("localhost/alpine:3", [], {}, "musl", id="a name in a local registry"),
        pytest.param(
            "golden:1",
            [],
            {"org.opencontainers.image.base.name": "docker.io/library/alpine:3"},
            "musl",
            id="its base's name",
        ),
        pytest.param(
            "golden:1",
            [],
            {"org.opencontainers.image.base.name": "alpine.example.com/x:1"},
            "",
            id="its base's registry",
        ),
        pytest.param("golden:1", [ALPINE, "RUN pip install x"], {}, "musl", id="made from Alpine under another name"),
        pytest.param("golden:1", ["# debian.sh --arch 'amd64' out/ 'bookworm'"], {}, "gnu", id="made from Debian"),
        pytest.param("golden:1", ["COPY a b", "RUN apt-get install -y x"], {}, "gnu", id="something was got by apt"),
        pytest.param("golden:1", ["RUN microdnf install x"], {}, "gnu", id="something was got by microdnf"),
        pytest.param("golden:1", [], {"vendor": "Red Hat, Inc.", "name": "ubi9/ubi"}, "", id="a vendor is no proof"),
        pytest.param("golden:1", [], {"url": "https://catalog.redhat.com/x"}, "gnu", id="its label says so"),
        pytest.param("golden:1", ["RUN apk add x"], {}, "", id="Wolfi has apk and glibc"),
        pytest.param("golden:1", ["ADD file:ab in /", 'CMD ["sh"]'], {}, "", id="nothing tells"),
    ],
)
def test_told_by(reference: str, history: list[str], labels: dict[str, str], expected: str) -> None:
    """What does not tell is left to a look into the image."""
    config = {"config": {"Labels": labels}, "history": [{"created_by": text} for text in history]}
    assert told_by(reference, config) == expected


def test_a_config_may_lack_everything() -> None:
    """An image of one layer and no history is an image all the same."""
    assert told_by("golden:1", {}) == ""
    assert told_by("golden:1", {"config": {"Labels": None}, "history": None}) == ""
