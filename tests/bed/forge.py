"""The bed's company: indexes and git behind a password, with a CA of its own, and a proxy (services/forge)."""

from __future__ import annotations

import contextlib
import http.client
import urllib.request
from dataclasses import dataclass
from typing import Final

from tests.bed.index import Index

IMAGE: Final = "pyenv-bed-forge"
"""The service's image, which has git and an ssh client: what compose names it."""

USER: Final = "robot"
PASSWORD: Final = "N0t-In-Any-Layer-7c21"  # noqa: S105 - what tests look for, and what opens nothing else
"""The forge also accepts passwords, and users without one, that begin like this."""
PROXY_PORT: Final = 3128
_HTTP: Final = 8180
_HTTPS: Final = 8443
_SSH: Final = 2222


@dataclass(frozen=True, slots=True)
class Forge:
    """The service, by the address that the host and build steps reach it at."""

    address: str

    @property
    def host(self) -> str:
        """Host and port of what is served over HTTPS."""
        return f"{self.address}:{_HTTPS}"

    @property
    def proxy(self) -> str:
        """Host and port of the proxy, which knows the host `index.internal` and wants the same credentials."""
        return f"{self.address}:{PROXY_PORT}"

    @property
    def netrc(self) -> str:
        """A netrc file."""
        return f"machine {self.address}\nlogin {USER}\npassword {PASSWORD}\n"

    def index(self, name: str) -> Index:
        """An index that needs credentials, over HTTP; its HTTPS address is `secure`."""
        return Index(self.address, name, _HTTP)

    def secure(self, name: str) -> str:
        """The address of an index over HTTPS, whose certificate the forge's own CA has signed."""
        return f"https://{self.host}/{name}/simple/"

    @property
    def git(self) -> str:
        """A repository over HTTPS: a package `greeting`."""
        return f"https://{self.host}/git/greeting.git"

    @property
    def ssh(self) -> str:
        """The same repository over ssh."""
        return f"ssh://git@{self.address}:{_SSH}/srv/git/greeting.git"

    def open(self, name: str) -> bytes:
        """What the forge gives to everybody: `ca.pem`, `id_ed25519`, `known_hosts`."""
        with urllib.request.urlopen(f"http://{self.address}:{_HTTP}/open/{name}", timeout=10) as answer:
            data: bytes = answer.read()
        return data


def ready(address: str) -> bool:
    """Whether the service answers, which it does when all of it is there."""
    try:
        with contextlib.closing(http.client.HTTPConnection(address, _HTTP, timeout=2)) as connection:
            connection.request("GET", "/")
            return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
