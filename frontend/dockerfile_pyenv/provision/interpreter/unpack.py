"""Stands in for the program `finish` under its first name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "finish"))

import runpy

runpy.run_path(str(Path(__file__).parent / "finish"), run_name="__main__")
