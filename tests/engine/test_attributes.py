"""Extended attributes, file capabilities, SELinux labels and access lists of a base stay what they are."""

import json
import uuid

import pytest
from tests.conftest import Engines
from tests.engine import bases
from tests.engine.conftest import Project

LABEL = "system_u:object_r:etc_t:s0"
# linux/posix_acl_xattr.h and linux/capability.h: a list by which user 50000 can write, and cap_net_bind_service+ep.
SET = """
import os, struct
everyone = 2 ** 32 - 1
rights = (1, 7, everyone), (2, 7, 50000), (4, 5, everyone), (16, 7, everyone), (32, 5, everyone)
access_list = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in rights)
for path in ("/opt", "/usr/local/bin", "/srv/data"):
    os.makedirs(path, exist_ok=True)
    os.setxattr(path, "system.posix_acl_access", access_list)
    os.setxattr(path, "system.posix_acl_default", access_list)
open("/srv/tool", "w").close()
os.setxattr("/srv/tool", "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
"""
LIST = """
import json, os
found = {}
for top, directories, files in os.walk("/mnt"):
    for path in [top] + [os.path.join(top, name) for name in directories + files]:
        if "astro-pyenv" not in path and not os.path.islink(path):
            for name in os.listxattr(path):
                found.setdefault(path[4:] or "/", {})[name] = os.getxattr(path, name).hex()
print(json.dumps(found))
"""
PYTHON = "python:3.11-slim-bookworm"


@pytest.mark.proves("only additions", base="SELinux labels, capabilities and access lists", store="{kind}")
@pytest.mark.parametrize("kind", ["28", pytest.param("28-containerd", marks=pytest.mark.slow)])
def test_attributes_stay(engines: Engines, project: Project, kind: str) -> None:
    """Of a file in a pulled layer, of one that a RUN has made, and of the directories that a line adds to.

    With the containerd image store, a line's layer has these directories without what no layer of Docker's holds: their
    access lists (`docker save` leaves them out, too). So the pushed image is the same.
    """
    engine, name = engines(kind), f"attributes-{uuid.uuid4().hex[:8]}"
    bases.push(f"{name}:base", "1", {"security.selinux": LABEL, "user.note": "mine"})
    base = f"""FROM {name}:base
RUN --mount=from={PYTHON},source=/usr/local,target=/mnt --mount=target=/context /mnt/bin/python3 /context/set.py
"""
    ours = f"# syntax=dockerfile-pyenv:dev\n{base}PYENV 3.9 one\n"
    context = project({"set.py": SET, "list.py": LIST, "with": ours, "without": base})
    found = {}
    for one in ("with", "without"):
        engine.build("--load", f"--tag={name}:{one}", "-f", context / one, context)
        read = f"RUN --mount=from={name}:{one},target=/mnt --mount=target=/context python3 /context/list.py > /list"
        (context / f"list-{one}").write_text(f"FROM {PYTHON}\n{read}\n")
        engine.build("--load", f"--tag={name}:list-{one}", "-f", context / f"list-{one}", context)
        found[one] = json.loads(engine.run(f"{name}:list-{one}", "cat", "/list"))
    access = {"system.posix_acl_access", "system.posix_acl_default"}
    assert {path: set(names) for path, names in found["without"].items()} == {
        "/etc/build": {"security.selinux", "user.note"},
        "/opt": access,
        "/srv/data": access,
        "/srv/tool": {"security.capability"},
        "/usr/local/bin": access,
    }
    assert bytes.fromhex(found["without"]["/etc/build"]["security.selinux"]).rstrip(b"\0").decode() == LABEL
    lost = {"/opt", "/usr/local/bin"} if kind == "28-containerd" else set()
    assert found["with"] == {path: names for path, names in found["without"].items() if path not in lost}
