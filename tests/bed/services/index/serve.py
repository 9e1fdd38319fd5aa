"""Package indexes (PEP 503) that tests fill over HTTP; any number of them, apart by the first word of the path.

PUT /<index>/<project>/<file>      add a distribution, and with it the index and the project
GET /<index>/simple/               the index's projects
GET /<index>/simple/<project>/     a project's files, with their digests and what Python a wheel asks for
GET /<index>/files/<file>          a file

Why not one of PyPI's: pypiserver 2.4.2 says nothing of Requires-Python, the local one of simple-repository 0.11.1 has
neither that nor hashes, and devpi-server 6.20.3 wants a user, an index and an upload with valid metadata for each file:
tests need files that a strict server would refuse.
"""

import hashlib
import html
import io
import re
import zipfile
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote, urlsplit

Index = dict[str, dict[str, bytes]]
INDEXES: dict[str, Index] = {}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Add a distribution."""
        match self._words():
            case [index, project, file]:
                data = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                INDEXES.setdefault(index, {}).setdefault(normal(project), {})[file] = data
                self._answer(HTTPStatus.CREATED, "text/plain", b"")
            case _:
                self._answer(HTTPStatus.BAD_REQUEST, "text/plain", b"PUT /<index>/<project>/<file>\n")

    def do_GET(self) -> None:
        """Answer with a page or a file."""
        match self._words():
            case [index, "simple"] if index in INDEXES:
                self._links({project: f'"{quote(project)}/"' for project in INDEXES[index]})
            case [index, "simple", project] if normal(project) in INDEXES.get(index, {}):
                files = INDEXES[index][normal(project)]
                self._links(
                    {
                        file: f'"/{quote(index)}/files/{quote(file)}#sha256={hashlib.sha256(data).hexdigest()}"'
                        f"{required(data)}"
                        for file, data in files.items()
                    }
                )
            case [index, "files", file]:
                found = [files[file] for files in INDEXES.get(index, {}).values() if file in files]
                if found:
                    self._answer(HTTPStatus.OK, "application/octet-stream", found[0])
                else:
                    self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"no such file\n")
            case []:
                self._answer(HTTPStatus.OK, "text/plain", b"ready\n")
            case _:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"no such project\n")

    do_HEAD = do_GET  # noqa: N815 - the base class's naming

    def _words(self) -> list[str]:
        return [unquote(word) for word in urlsplit(self.path).path.split("/") if word]

    def _links(self, links: dict[str, str]) -> None:
        lines = [f"<a href={attributes}>{html.escape(text)}</a><br>\n" for text, attributes in sorted(links.items())]
        self._answer(
            HTTPStatus.OK, "text/html", f"<!DOCTYPE html>\n<html><body>\n{''.join(lines)}</body></html>\n".encode()
        )

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def required(data: bytes) -> str:
    """The attribute of a link that says which Pythons a wheel is for; "" for other files and where it is for all."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return ""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    found = re.search(r"^Requires-Python: (.+)$", "".join(texts), re.MULTILINE)
    return f' data-requires-python="{html.escape(found[1])}"' if found else ""


def normal(project: str) -> str:
    """The project's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", project).lower()


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8181), Handler).serve_forever()
