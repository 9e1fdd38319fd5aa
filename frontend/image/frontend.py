"""Starts the frontend in its image; Python runs isolated and without the site module, so the path is set here.

BuildKit starts it without arguments, or through start.c, which has sent the preface if it adds `--greeted`. With other
arguments, or where it is not BuildKit that starts it, it is the command:
`docker run --rm -v "$PWD":/src dockerfile-pyenv:1 render`.
"""  # noqa: INP001 - a script, in no package

import os
import sys

sys.path.insert(0, "/pyenv/lib")

greeted = sys.argv[1:] == ["--greeted"]
if "BUILDKIT_SESSION_ID" in os.environ and (greeted or len(sys.argv) == 1):
    import prepared

    prepared.use()
    from dockerfile_pyenv.__main__ import main

    main(preface_sent=greeted)
else:
    from dockerfile_pyenv.cli.main import main as command

    command()
