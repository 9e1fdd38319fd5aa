"""Platforms."""

import pytest

from buildkit_llb.platforms import Platform


@pytest.mark.parametrize("text", ["linux/amd64", "linux/arm/v7", "windows/amd64"])
def test_platform_is_written_as_it_was_read(text: str) -> None:
    """A platform in normal form survives parsing, the wire, and printing."""
    platform = Platform.parse(text)
    assert Platform.from_pb(platform.to_pb()) == platform
    assert str(platform) == text


@pytest.mark.parametrize("text", ["", "linux", "/amd64", "linux/", "linux/arm/", "linux/arm/v7/x"])
def test_no_platform_is_refused(text: str) -> None:
    """Text that is not `os/architecture[/variant]` is rejected, and the error quotes it."""
    with pytest.raises(ValueError, match="not a platform"):
        Platform.parse(text)
