"""A package whose build runs foreign code cannot change what other environments get from the engine's caches."""

import hashlib
import uuid

from tests.bed.engine import Engine
from tests.bed.index import Index
from tests.engine import progress
from tests.engine.conftest import Project
from tests.engine.wheels import sdist, wheel

ENVS = "/opt/astro-pyenv/envs"

BACKEND = '''
import base64, hashlib, marshal, os, pathlib, re, struct, zipfile, zlib

EVIL = b"def main():\\n    print('evil')\\n"
DONE = []


def unpacked(path):
    """Change a module of an unpacked wheel, and its hash in RECORD."""
    path.write_bytes(EVIL)
    digest = base64.urlsafe_b64encode(hashlib.sha256(EVIL).digest()).rstrip(b"=").decode()
    for record in path.parent.parent.glob("*.dist-info/RECORD"):
        lines = [line for line in record.read_text().splitlines() if not line.startswith("given/__init__.py,")]
        record.write_text("\\n".join([*lines, f"given/__init__.py,sha256={digest},{len(EVIL)}"]) + "\\n")
    DONE.append("wheel")


def bytecode(path):
    """Change stored bytecode, with its checksum: each part is a .pyc file whose code names a marker as its file."""
    data = path.read_bytes()
    count, _ = struct.unpack_from("<II", data)
    lengths = struct.unpack_from(f"<{count}I", data, 8)
    parts, position = [], 8 + 4 * count
    for length in lengths:
        part = data[position : position + length]
        position += length
        if b"given" in data:
            marker = re.search(rb"<[0-9a-f]{64}>", part)[0].decode()
            part = part[:16] + marshal.dumps(compile(EVIL, marker, "exec", dont_inherit=True))
        parts.append(part)
    body = struct.pack(f"<{count}I", *map(len, parts)) + b"".join(parts)
    path.write_bytes(struct.pack("<II", count, zlib.crc32(body)) + body)
    DONE.append("bytecode")


def archive(path):
    """Change a wheel that pip has stored as it was downloaded: without its hash, pip would take it."""
    path.write_bytes(path.read_bytes().replace(b"__version__", b"__evil_evil__"))
    DONE.append("download")


def attack():
    """Change what can be reached: in the step's cache mount, and in whatever else is writable."""
    with open("/proc/mounts") as mounts:
        places = {line.split()[1] for line in mounts if line.split()[1].startswith(("/run/", "/root", "/opt", "/home"))}
    for place in sorted(places):
        for path in sorted(pathlib.Path(place).rglob("*")):
            try:
                if path.is_symlink() or not path.is_file():
                    continue
                if str(path).endswith("/given/__init__.py") and "archive-v" in str(path):
                    unpacked(path)
                elif "bytecode-v" in str(path) and path.name[0] != ".":
                    bytecode(path)
                elif "/pip/" in str(path) and b"given/__init__.py" in path.read_bytes():
                    archive(path)
            except OSError:
                pass


def build_wheel(directory, config_settings=None, metadata_directory=None):
    attack()
    files = {
        "evil.py": f"DONE = {sorted(set(DONE))!r}\\n",
        "evil-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: evil\\nVersion: 1.0\\n",
        "evil-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "evil-1.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(pathlib.Path(directory, "evil-1.0-py3-none-any.whl"), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return "evil-1.0-py3-none-any.whl"
'''
HEAD = "# syntax=dockerfile-pyenv:dev\nFROM debian:bookworm-slim\nENV PIP_INDEX_URL={url} PIP_TRUSTED_HOST={host}\n"
LINES = """\
PYENV 3.9 {name} given.txt
PYENV --installer=pip 3.9 {name}_pip given.txt
PYENV --mount=type=tmpfs,target=/mnt 3.9 {name}_mounted given.txt
PYENV --mount=type=tmpfs,target=/mnt --installer=pip 3.9 {name}_mounted_pip given.txt
"""
EVIL = "PYENV 3.9 evil evil.txt\nPYENV --installer=pip 3.9 evil_pip evil.txt\n"


def test_a_build_backend_does_not_reach_what_others_install(engine: Engine, project: Project, index: Index) -> None:
    """It changes all it can reach; what is installed by hash afterwards, from the caches, is still what it was."""
    version = f"1.{uuid.uuid4().int % 10**9}"
    file, data = wheel("given", version)
    source, archive = sdist("evil", BACKEND)
    for one in ((file, data), (source, archive)):
        index.add(*one)
    given = f"given=={version} --hash=sha256:{hashlib.sha256(data).hexdigest()}\n"
    evil = f"evil==1.0 --hash=sha256:{hashlib.sha256(archive).hexdigest()}\n"
    context = project({"given.txt": given, "evil.txt": given + evil})

    def build(lines: str, *words: str) -> tuple[str, progress.Progress]:
        head = HEAD.format(url=index.url, host=index.host)
        (context / "Dockerfile").write_text(head + lines)
        result = engine.build(*words, context, progress="rawjson")
        return result.image, progress.parse(result.log)

    build(LINES.format(name="first"))
    image, attacked = build(EVIL)
    assert attacked.in_stage() == ["evil", "evil_pip"]
    for name in ("evil", "evil_pip"):
        changed = engine.run(image, f"{ENVS}/{name}/bin/python", "-c", "import evil; print(*evil.DONE)")
        assert set(changed.split()) <= {"wheel", "download"}  # of its own line

    image, made = build(LINES.format(name="second"))
    assert made.apart() == ["second", "second_pip"]
    assert made.in_stage() == ["second_mounted", "second_mounted_pip"]
    log = "".join(step.log for step in made.steps.values())
    assert log.count("bytecode of 1 package: 1 reused, 0 compiled") == 4
    for name in [*made.apart(), *made.in_stage()]:
        shown = engine.run(image, f"{ENVS}/{name}/bin/python", "-c", "import given; given.main()")
        assert (name, shown) == (name, f"given {version}")
