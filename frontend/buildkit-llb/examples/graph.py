"""Builds an image from a graph, without a Dockerfile: give its name, or pass the graph to `buildctl build`.

python3 graph.py hello:1
python3 graph.py | buildctl build --output type=image,name=hello:1
"""

import secrets
import subprocess
import sys

from buildkit_llb import Connection, Definition, GatewayError, Mount, ops
from buildkit_llb.proto.control_pb2 import SolveRequest


def graph() -> Definition:
    """Write a file in one step, and copy it into the image in another."""
    base = ops.image("debian:bookworm-slim", resolve_mode="local")
    written = ops.run(
        ["/bin/sh", "-c", "echo hello from $(uname) > /out/hello"],
        root=base,
        mounts=[Mount("/out", readonly=False, output=True)],
        network="none",
        description="write the greeting",
    )
    copied = ops.file(base, [ops.copy(written.mounts["/out"], "/hello", "/etc/hello")], description="copy the greeting")
    return ops.marshal(copied)


def build(definition: Definition, name: str) -> None:
    """Send the graph to Docker's builder, through the standard input of `docker buildx`, and name the image."""
    request = SolveRequest(ref=secrets.token_hex(12), definition=definition.to_pb())
    request.exporter, request.exporter_attrs["name"] = "moby", name  # into Docker's image store
    command = ["docker", "buildx", "dial-stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as docker:
        connection = Connection(docker.stdout.fileno(), docker.stdin.fileno(), preface_sent=False)
        connection.unary("/moby.buildkit.v1.Control/Solve", request.SerializeToString())


if sys.argv[1:]:
    try:
        build(graph(), sys.argv[1])
    except GatewayError as error:
        sys.exit(f"graph.py: {error}")
else:
    sys.stdout.buffer.write(graph().to_bytes())
