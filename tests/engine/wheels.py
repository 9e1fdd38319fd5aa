"""Tiny wheels, so that a test installs something real without a download."""

import base64
import hashlib
import io
import re
import tarfile
import zipfile


def wheel(
    name: str, version: str = "1.0", *, requires: tuple[str, ...] = (), python: str = "", script: bool = False
) -> tuple[str, bytes]:
    """A pure wheel with one module of its own name: its file name and its bytes. `python` is its Requires-Python."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Python: {python}\n" if python else ""
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    extras = dict.fromkeys(re.findall(r"extra *== *'([^']+)'", " ".join(requires)))
    metadata += "".join(f"Provides-Extra: {extra}\n" for extra in extras)
    files = {
        f"{name}/__init__.py": f"__version__ = {version!r}\n\n\ndef main():\n    print({name!r}, __version__)\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{name} = {name}:main\n"
    record = "".join(f"{path},sha256={_hash(content)},{len(content)}\n" for path, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    return f"{name}-{version}-py3-none-any.whl", data.getvalue()


def compiled(name: str, version: str = "1.0") -> tuple[str, bytes]:
    """A source distribution whose build calls a compiler and needs nothing else: its file name and its bytes."""
    files = {
        "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": "import subprocess\n\n\ndef build_wheel(*_):\n    subprocess.check_call(['gcc', '--version'])\n",
    }
    return _packed(name, version, files)


def sdist(name: str, backend: str = "") -> tuple[str, bytes]:
    """A source distribution that builds without a compiler and a download: its file name and its bytes."""
    files = {path.partition("/")[2]: content for path, content in project_files(name).items()}
    files["backend.py"] = backend or files["backend.py"]
    return _packed(name, "1.0", {"PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: 1.0\n", **files})


def failing(name: str) -> tuple[str, bytes]:
    """A source distribution whose build fails after it has shown its variables: its file name and its bytes."""
    files = {
        "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: 1.0\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": "import os\n\n\ndef build_wheel(*_):\n    raise SystemExit(f'{os.environ}')\n",
    }
    return _packed(name, "1.0", files)


def _packed(name: str, version: str, files: dict[str, str]) -> tuple[str, bytes]:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    return f"{name}-{version}.tar.gz", data.getvalue()


BACKEND = """\
import base64, hashlib, pathlib, sys, zipfile

NAME = {name!r}


def build_wheel(directory, config_settings=None, metadata_directory=None):
    pathlib.Path("build").mkdir(exist_ok=True)  # as setuptools does
    files = {{
        f"{{NAME}}.py": pathlib.Path(f"{{NAME}}.py").read_text(),
        f"{{NAME}}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: 1.0\\n",
        f"{{NAME}}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    wheel = f"{{NAME}}-1.0-py3-none-any.whl"
    record = f"{{NAME}}-1.0.dist-info/RECORD"
    files[record] = "".join(f"{{path}},,\\n" for path in [*files, record])
    with zipfile.ZipFile(pathlib.Path(directory, wheel), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


build_editable = build_wheel
"""


def project_files(name: str) -> dict[str, str]:
    """A project that builds without a download, and writes into its directory as it does: its files."""
    return {
        f"{name}/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n',
        f"{name}/backend.py": BACKEND.format(name=name),
        f"{name}/{name}.py": "__version__ = '1.0'\n",
    }


def _hash(content: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
