"""Starts the frontend in its image; Python runs isolated and without the site module, so the path is set here.

BuildKit starts it without arguments. With some, or where it is not BuildKit that starts it, it is the command:
`docker run --rm -v "$PWD":/src dockerfile-pyenv:1 render`.
"""  # noqa: INP001 - a script, in no package

import os
import sys

sys.path.insert(0, "/pyenv/lib")

if len(sys.argv) > 1 or "BUILDKIT_SESSION_ID" not in os.environ:
    from dockerfile_pyenv.cli import main
else:
    from dockerfile_pyenv.__main__ import main

main()
