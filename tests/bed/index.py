"""The package indexes of the bed, as tests fill them."""

from __future__ import annotations

import contextlib
import http.client
from dataclasses import dataclass
from typing import Final

PORT: Final = 8181


@dataclass(frozen=True, slots=True)
class Index:
    """One package index, empty until something is added; its URL is the same for the host and for build steps."""

    address: str
    name: str
    port: int = PORT

    @property
    def host(self) -> str:
        """Host and port, as pip's `--trusted-host` wants it."""
        return f"{self.address}:{self.port}"

    @property
    def url(self) -> str:
        """The value for PIP_INDEX_URL."""
        return f"http://{self.host}/{self.name}/simple/"

    def add(self, file: str, data: bytes) -> None:
        """Add a distribution by its file name, whose first part is the project's name.

        Raises:
            OSError: the index did not take it.
        """
        with contextlib.closing(http.client.HTTPConnection(self.host, timeout=10)) as connection:
            connection.request("PUT", f"/{self.name}/{file.split('-', maxsplit=1)[0]}/{file}", data)
            status = connection.getresponse().status
        if status != http.HTTPStatus.CREATED:
            raise OSError(f"the index at {self.url} refused {file}: {status}")


def ready(address: str) -> bool:
    """Whether the service answers."""
    try:
        with contextlib.closing(http.client.HTTPConnection(address, PORT, timeout=2)) as connection:
            connection.request("GET", "/")
            return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
