"""Starts the frontend in its image; Python runs isolated and without the site module, so the path is set here."""  # noqa: INP001 - a script, in no package

import sys

sys.path.insert(0, "/pyenv/lib")

from dockerfile_pyenv.__main__ import main

sys.exit(main())
