"""The frontend's process: BuildKit on file descriptors 0 and 1, nothing to be seen on 2.

The daemon closes the connection unless the HTTP/2 preface comes within seconds, and ends the build with an error if
the process leaves with a status other than 0, whatever it has returned (frontend/gateway/gateway.go, BuildKit v0.32).
"""

import gc
import os
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from buildkit_llb.preface import PREFACE

if TYPE_CHECKING:
    from buildkit_llb.stdio import Connection


def main() -> None:
    """Answer one build, then leave without tidying up: a polite goodbye would make the daemon drop the result."""
    # The process lives for a fraction of a second, and what it makes stays in use: a collection finds nothing to free.
    gc.disable()
    output = os.dup(1)
    os.dup2(2, 1)
    os.write(output, PREFACE)
    # After the preface: the imports take most of the time until the first call.
    from buildkit_llb.stdio import Connection  # noqa: PLC0415

    serve(Connection(0, output, greeted=True))
    os._exit(0)


def serve(connection: "Connection") -> None:
    """Answer one build on a connection."""
    from buildkit_llb.errors import ConnectionLostError, RpcError  # noqa: PLC0415
    from buildkit_llb.gateway import Gateway  # noqa: PLC0415
    from dockerfile_pyenv import options, report, source  # noqa: PLC0415
    from dockerfile_pyenv.errors import PyenvError  # noqa: PLC0415

    gateway = Gateway(connection)
    # The daemon has to ask the client for the user's files: the rest is imported in the meantime.
    Thread(target=import_module, args=("dockerfile_pyenv.frontend",), daemon=True).start()
    try:
        build_options = options.read(os.environ)
        given = gateway.inputs()
        read = source.read(gateway, build_options, given)
        from dockerfile_pyenv import frontend, handover  # noqa: PLC0415

        result = frontend.build(handover.Handover(gateway, build_options, read, given))
    except RpcError as error:
        gateway.return_error(error.status)
    except PyenvError as error:
        gateway.return_error(report.located(error, None))
    except ConnectionLostError:
        raise
    except Exception as error:  # noqa: BLE001 - the user sees nothing but what is returned
        gateway.return_error(report.internal(error))
    else:
        gateway.return_result(result)


if __name__ == "__main__":
    main()
