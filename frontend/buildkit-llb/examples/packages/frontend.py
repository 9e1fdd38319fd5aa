"""A BuildKit frontend for files of three instructions: `from IMAGE`, `install PACKAGE...` and `cmd WORD...`."""

import os

from buildkit_llb import PREFACE

output = os.dup(1)
os.dup2(2, 1)  # a print would break the connection
os.write(output, PREFACE)  # the daemon waits only seconds for it: send it before slow imports

import json
from dataclasses import replace

from buildkit_llb import Connection, Gateway, Range, Result, RpcError, SourceDetail, Status, errors, ops


def build(gateway: Gateway) -> Result | Status:
    """Read the file and solve what it describes; a Status says what is wrong with a line."""
    options = dict(text.split("=", 1) for key, text in os.environ.items() if key.startswith("BUILDKIT_FRONTEND_OPT_"))
    name = options.get("filename", "Dockerfile")
    source = ops.local("dockerfile", session=os.environ["BUILDKIT_SESSION_ID"], follow_paths=[name])
    data = gateway.read_file(gateway.solve(definition=ops.marshal(source)).refs[""], name)
    state, config = ops.scratch(), {}
    for number, line in enumerate(data.decode().splitlines(), 1):
        match line.partition("#")[0].split():
            case ["from", image]:
                config = json.loads(gateway.resolve_image_config(ops.normalize_image(image)).config)
                state = ops.image(image)
            case ["install", *packages]:
                script = "apt-get update -qq && apt-get install -qq --no-install-recommends " + " ".join(packages)
                state = ops.run(["/bin/sh", "-c", script], root=state, description=line).root
            case ["cmd", *words]:
                config.setdefault("config", {})["Cmd"] = words
            case [unknown, *_]:
                wrong = SourceDetail(name, data, ranges=(Range(number, number),))
                return Status(errors.UNKNOWN, f"unknown instruction: {unknown}").with_source(wrong)
    result = gateway.solve(definition=ops.marshal(state))
    return replace(result, metadata={"containerimage.config": json.dumps(config).encode()})


gateway = Gateway(Connection(0, output, preface_sent=True))
try:
    answer = build(gateway)
except Exception as error:
    answer = error.status if isinstance(error, RpcError) else Status(errors.UNKNOWN, f"packages: {error!r}")
if isinstance(answer, Status):
    gateway.return_error(answer)
else:
    gateway.return_result(answer)
os._exit(0)  # any other exit status fails the build
