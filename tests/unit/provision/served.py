"""Files over HTTP, and answers with a status other than 200."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        status = self.path.split("/")[1]
        if status.isdecimal():
            self.send_error(int(status))
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a directory, at the address that is yielded; what is asked for below /<status>/ gets this status."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(directory))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
