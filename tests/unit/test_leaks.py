"""The search that engine tests look for secrets with finds them."""

import base64
import gzip
import io
import tarfile
from pathlib import Path

import pytest
from tests.engine.leaks import find

SECRET = "N0t/here"  # noqa: S105 - none


def archive(files: dict[str, bytes]) -> bytes:
    """A tar file."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return data.getvalue()


@pytest.mark.parametrize(
    "content",
    [SECRET, "https://me:N0t%2Fhere@host", base64.b64encode(f"me:{SECRET}".encode()).decode()],
    ids=["as it is", "in a URL", "in a header"],
)
def test_a_secret_is_found_wherever_it_is_packed(tmp_path: Path, content: str) -> None:
    """Layers are tar files, packed, in the tar file of an image; a cache export is a directory of them."""
    layer = gzip.compress(archive({"etc/a": b"x" + content.encode(), "etc/b": b"nothing"}))
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs/1").write_bytes(layer)
    (tmp_path / "image.tar").write_bytes(archive({"blobs/1": layer, "index.json": b"{}"}))
    assert find(tmp_path, [SECRET]) == ["blobs/1!/etc/a", "image.tar/blobs/1!/etc/a"]
    assert find(tmp_path / "image.tar", [SECRET, "other"]) == ["image.tar/blobs/1!/etc/a"]
    assert find(tmp_path, ["something else"]) == []


def test_names_of_files_are_looked_at() -> None:
    """A secret may be the name of a file."""
    assert find(archive({f"etc/{SECRET}": b""}), [SECRET], name="layer") == [f"layer/etc/{SECRET}"]


def test_what_cannot_be_unpacked_is_told() -> None:
    """A search that passed over it would prove nothing."""
    with pytest.raises(AssertionError, match="is packed in a way"):
        find(b"\x28\xb5\x2f\xfd...", [SECRET], name="layer")
