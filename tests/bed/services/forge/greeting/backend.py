"""A build backend (PEP 517) that needs nothing from an index."""

import zipfile
from pathlib import Path

WHEEL = "Wheel-Version: 1.0\nGenerator: bed\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build_wheel(directory: str, *_: object) -> str:
    """Build the wheel."""
    name = "greeting-1.0-py3-none-any.whl"
    files = {
        "greeting.py": Path("greeting.py").read_text(),
        "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
        "greeting-1.0.dist-info/WHEEL": WHEEL,
    }
    with zipfile.ZipFile(Path(directory, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr("greeting-1.0.dist-info/RECORD", "".join(f"{path},,\n" for path in files))
    return name
