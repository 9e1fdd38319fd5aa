"""What companies have: package indexes and git repositories behind a password, a CA of their own, git over ssh.

    http://<address>:8180, https://<address>:8443    indexes as those of index.py; all but PUT needs credentials
    …/git/<repository>.git                           git over HTTP
    …/open/<file>                                    without credentials: ca.pem, and for ssh id_ed25519 and known_hosts
    ssh://git@<address>:2222/srv/git/<repository>    git over ssh

The variable ADDRESS is the address that others reach this by. /forge/greeting is a repository from the start.
"""

import base64
import os
import shutil
import ssl
import subprocess
import sys
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

sys.path.insert(0, "/forge")

import index

ADDRESS = os.environ["ADDRESS"]
USER = "robot"
PASSWORD = "N0t-In-Any-Layer-7c21"  # noqa: S105 - opens nothing else
"""The password, and the beginning of others: tests search for each of them on its own."""
OPEN = Path("/srv/open")
REPOSITORIES = Path("/srv/git")
TLS = Path("/srv/tls")


class Handler(index.Handler):
    """One request."""

    def do_GET(self) -> None:  # noqa: N802 - the base class's naming
        """Answer with what is open, what git has, or a page or file of an index."""
        parts = urlsplit(self.path)
        if parts.path.startswith("/open/"):
            self._answer(HTTPStatus.OK, "text/plain", (OPEN / Path(parts.path).name).read_bytes())
        elif parts.path == "/":
            super().do_GET()
        elif not self._is_allowed():
            self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", 'Basic realm="forge"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif parts.path.startswith("/git/"):
            self._git(unquote(parts.path.removeprefix("/git")), parts.query)
        else:
            super().do_GET()

    do_HEAD = do_GET  # noqa: N815 - the base class's naming
    do_POST = do_GET  # noqa: N815 - likewise

    def _is_allowed(self) -> bool:
        """Whether the request has a password, or a token in place of a user."""
        kind, _, encoded = self.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(encoded).decode(errors="replace").partition(":")
        known = user == USER and password.startswith(PASSWORD)
        return kind == "Basic" and (known or user.startswith(PASSWORD))

    def _git(self, path: str, query: str) -> None:
        """Let git answer (git-http-backend(1): a CGI program)."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            stdout=subprocess.PIPE,
            check=True,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(REPOSITORIES),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            },
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, cwd=cwd)


def prepare() -> None:
    """Make the CA, the keys and the first repository."""
    for directory in (OPEN, REPOSITORIES, TLS):
        directory.mkdir(parents=True)
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run(*new, "-days=7", "-subj=/CN=The bed's own CA", "-keyout", TLS / "ca.key", "-out", OPEN / "ca.pem")
    signed = ("-CA", OPEN / "ca.pem", "-CAkey", TLS / "ca.key")
    names = ("-addext", f"subjectAltName=IP:{ADDRESS}", "-addext", "basicConstraints=critical,CA:FALSE")
    run(*new, *signed, *names, "-days=7", f"-subj=/CN={ADDRESS}", "-keyout", TLS / "key", "-out", TLS / "certificate")

    for key in (OPEN / "id_ed25519", TLS / "host"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
    (OPEN / "known_hosts").write_text(f"[{ADDRESS}]:2222 {(TLS / 'host.pub').read_text()}")
    keys = Path("/home/git/.ssh/authorized_keys")
    keys.parent.mkdir(mode=0o700)
    keys.write_bytes((OPEN / "id_ed25519.pub").read_bytes())
    for path in (keys.parent, keys):
        shutil.chown(path, "git", "git")

    tree = Path("/forge/greeting")
    git = ("git", "-c", "user.name=The bed", "-c", "user.email=bed@example.org", "-c", "init.defaultBranch=main")
    run(*git, "init", "--quiet", cwd=tree)
    run(*git, "add", ".", cwd=tree)
    run(*git, "commit", "--quiet", "--message=Greet", cwd=tree)
    run(*git, "clone", "--quiet", "--bare", tree, REPOSITORIES / "greeting.git")
    run("chown", "-R", "git:git", REPOSITORIES)
    run("git", "config", "--system", "safe.directory", "*")


if __name__ == "__main__":
    prepare()
    ssh = ("-o", "PasswordAuthentication=no", "-o", "AcceptEnv=GIT_PROTOCOL")
    subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-p", "2222", "-h", TLS / "host", *ssh])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate", TLS / "key")
    secure = ThreadingHTTPServer(("", 8443), Handler)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    Thread(target=secure.serve_forever, daemon=True).start()
    ThreadingHTTPServer(("", 8180), Handler).serve_forever()
