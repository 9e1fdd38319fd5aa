"""The frontend's process: BuildKit on file descriptors 0 and 1, nothing to be seen on 2.

The daemon closes the connection unless the HTTP/2 preface comes within seconds, and ends the build with an error if
the process leaves with a status other than 0, whatever it has returned (frontend/gateway/gateway.go, BuildKit v0.32).
"""

import gc
import os
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from buildkit_llb.preface import PREFACE

if TYPE_CHECKING:
    from buildkit_llb.stdio import Connection

_AHEAD = (
    "dockerfile.lexer",
    "instruction.statement",
    "plan.astro",
    "plan.make",
    "plan.offline",
    "emit.expand",
    "emit.graph",
    "checks.registry",
    "frontend",
)
"""What a file with PYENV lines requires, in pieces that take some milliseconds each."""


def main(*, preface_sent: bool = False) -> None:
    """Answer one build, then leave without tidying up: a polite goodbye would make the daemon drop the result.

    `preface_sent` says that the program which started Python has written `PREFACE` (image/start.c).
    """
    # The process lives for a fraction of a second, and what it makes stays in use: a collection finds nothing to free.
    gc.disable()
    output = os.dup(1)
    os.dup2(2, 1)
    if not preface_sent:
        os.write(output, PREFACE)
    # After the preface: the imports take most of the time until the first call.
    from buildkit_llb.stdio import Connection  # noqa: PLC0415

    serve(Connection(0, output, preface_sent=True))
    os._exit(0)


def serve(connection: "Connection") -> None:
    """Answer one build on a connection."""
    from buildkit_llb.errors import ConnectionLostError, RpcError  # noqa: PLC0415
    from buildkit_llb.gateway import Gateway  # noqa: PLC0415
    from dockerfile_pyenv.engine import build_options, error_status, source  # noqa: PLC0415
    from dockerfile_pyenv.engine.dockerfile_frontend import DockerfileFrontend  # noqa: PLC0415
    from dockerfile_pyenv.errors import PyenvError  # noqa: PLC0415

    gateway = Gateway(connection)
    try:
        options = build_options.read(os.environ)
        inputs = gateway.inputs()
        # The daemon has to get the user's files from the client.
        connection.meanwhile = _imports()
        read = source.read(gateway, options, inputs)
        connection.meanwhile = iter(())
        stock = DockerfileFrontend(gateway, options, read, inputs)
        if stock.may_concern_us:
            from dockerfile_pyenv import frontend  # noqa: PLC0415

            result = frontend.build(stock)
        else:
            result = stock.pass_through()
    except RpcError as error:
        gateway.return_error(error.status)
    except PyenvError as error:
        gateway.return_error(error_status.located(error, None))
    except ConnectionLostError:
        raise
    except Exception as error:  # noqa: BLE001 - the user sees nothing but what is returned
        gateway.return_error(error_status.internal(error))
    else:
        try:
            gateway.return_result(result)
        except RpcError as error:
            # Such as an answer that is larger than the daemon accepts: without another one, the user would see
            # nothing but the exit status of this process.
            gateway.return_error(error_status.unanswered(error, read))


def _imports() -> Iterator[None]:
    """Import what a file with PYENV lines requires, piece by piece."""
    for name in _AHEAD:
        yield
        import_module(f"dockerfile_pyenv.{name}")


if __name__ == "__main__":
    main()
