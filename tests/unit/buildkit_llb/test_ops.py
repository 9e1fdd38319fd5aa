"""Graphs as they are built: what a real daemon's frontend builds, byte for byte."""

import json
import subprocess
import sys

import pytest
from tests.unit.buildkit_llb.graphs import golden

from buildkit_llb import ops
from buildkit_llb.definition import Definition, check
from buildkit_llb.exec_ops import Execution
from buildkit_llb.ops import Mount, State
from buildkit_llb.platforms import Platform
from buildkit_llb.proto import ops_pb2

_LINUX = Platform.parse("linux/amd64")
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_EMPTY_SHA256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def _op(state: State) -> ops_pb2.Op:
    """The op that a state is an output of."""
    return ops.marshal(state).vertices()[-1].op


def _copy(
    source: State, src: str, dest: str, *, owner: ops.Owner | None = None, mode: int | None = None
) -> ops.FileAction:
    """The action of a COPY instruction."""
    return ops.copy(
        source,
        src,
        dest,
        owner=owner,
        mode=mode,
        follow_symlink=True,
        dir_copy_contents=True,
        create_dest_path=True,
        wildcard=True,
        empty_wildcard=True,
    )


def _session(definition: Definition) -> str:
    """The session that a golden graph's local sources name."""
    (session,) = {
        vertex.op.source.attrs["local.session"]
        for vertex in definition.vertices()
        if vertex.op.source.identifier.startswith("local://")
    }
    return session


def test_golden_dockerfile_is_built_byte_for_byte() -> None:
    """Every kind of op equals the one that dockerfile.v0 made of the same instruction, so the two share a vertex."""
    definition = golden()
    context = ops.local("context", session=_session(definition), shared_key_hint="context")
    state = ops.file(ops.scratch(), [ops.mkdir("/srv", parents=True)])
    state = ops.file(state, [_copy(context, "hi", "/hi")])
    copies = [_copy(context, src, "/dst/", owner=(5, 6), mode=0o700) for src in ("hi", "sub/")]
    state = ops.file(state, copies)
    archive = ops.http("https://example.org/a.tar.gz", filename="a.tar.gz")
    state = ops.file(state, [ops.copy(archive, "a.tar.gz", "/z/", create_dest_path=True)])
    text = ops.http("https://example.org/b.txt", checksum=_EMPTY_SHA256, filename="b.txt")
    state = ops.file(state, [ops.copy(text, "b.txt", "/z/", create_dest_path=True)])
    repository = ops.git("https://github.com/moby/buildkit.git", ref="v0.11.6", subdir="docs")
    state = ops.file(state, [ops.copy(repository, "/", "/git", create_dest_path=True)])
    state = ops.run(
        ["true"],
        root=state,
        mounts=[
            Mount("/tm", tmpfs=True, tmpfs_size=1000),
            Mount("/sub", context, selector="/sub"),
            Mount("/cache", cache=("/c", "locked")),
        ],
        env=[_PATH],
        cwd="/srv",
        network="none",
        platform=_LINUX,
    ).root
    state = ops.file(state, [_copy(context, "hi", "/linked")])
    debian = ops.image("debian:bookworm-slim", platform=_LINUX, resolve_mode="local")
    state = ops.file(state, [_copy(debian, "/etc", "/etc")])
    built = ops.marshal(state)
    expected = {vertex.digest: vertex for vertex in definition.vertices()}
    for vertex in built.vertices():
        assert vertex.digest in expected, vertex.op
        assert vertex.raw == expected[vertex.digest].raw
        assert dict(vertex.metadata.caps) == dict(expected[vertex.digest].metadata.caps)
    assert set(built.ops) == set(definition.ops)
    assert built.ops[-1] == definition.ops[-1]


def test_golden_dockerfile_source_is_built_byte_for_byte() -> None:
    """The op that loads the Dockerfile equals the daemon's own: one line of progress, and nothing is sent twice."""
    source = golden().source
    assert source is not None
    loaded = Definition.from_pb(source.infos[0].definition)
    state = ops.local(
        "dockerfile",
        session=_session(loaded),
        follow_paths=["Dockerfile", "Dockerfile.dockerignore", "dockerfile"],
        shared_key_hint="dockerfile",
        differ_none=True,
        description="[internal] load build definition from Dockerfile",
    )
    built = ops.marshal(state)
    assert built.ops == loaded.ops
    assert dict(built.metadata) == dict(loaded.metadata)


def test_local_patterns_are_go_s_json() -> None:
    """Patterns travel as Go's JSON without blanks; without a session, the op has a unique key instead."""
    state = ops.local("context", include_patterns=["a&b", "ü"], exclude_patterns=["!x", "<y>"], unique="u")
    assert dict(_op(state).source.attrs) == {
        "local.includepattern": '["a\\u0026b","ü"]',
        "local.excludepatterns": '["!x","\\u003cy\\u003e"]',
        "local.unique": "u",
    }


def test_http_file_has_a_mode() -> None:
    """Permission bits are written in octal with a leading zero."""
    state = ops.http("https://example.org/uv", mode=0o100755)
    assert dict(_op(state).source.attrs) == {"http.perm": "0755"}


@pytest.mark.parametrize(
    ("remote", "identifier"),
    [
        ("https://github.com/moby/moby.git", "git://github.com/moby/moby.git"),
        ("https://user@example.org:8443/a/b", "git://example.org:8443/a/b"),
        ("git://example.org/a", "git://example.org/a"),
    ],
)
def test_git_repository_is_named_without_its_protocol(remote: str, identifier: str) -> None:
    """One repository by two protocols is one cache entry; the URL itself is an attribute."""
    op = _op(ops.git(remote)).source
    assert op.identifier == identifier
    assert op.attrs["git.fullurl"] == remote
    assert "git.mountsshsock" not in op.attrs


@pytest.mark.parametrize(
    ("remote", "identifier"),
    [
        ("ssh://git@example.org:22/a.git", "git://example.org:22/a.git"),
        ("git@github.com:moby/moby.git", "git://github.com/moby/moby.git"),
    ],
)
def test_git_by_ssh_mounts_the_agent(remote: str, identifier: str) -> None:
    """A repository over ssh, in either spelling, requires the client's agent and can name the host's keys."""
    state = ops.git(remote, known_ssh_hosts="host key\n", checksum="abc", keep_git_dir=True)
    op = _op(state).source
    assert op.identifier == identifier
    assert {key: value for key, value in op.attrs.items() if not key.startswith("git.auth")} == {
        "git.fullurl": remote,
        "git.mountsshsock": "default",
        "git.knownsshhosts": "host key\n",
        "git.checksum": "abc",
        "git.keepgitdir": "true",
    }
    assert "git.knownsshhosts" not in _op(ops.git(remote)).source.attrs


@pytest.mark.parametrize(
    ("ref", "subdir", "fragment"),
    [("", "", ""), ("v1", "", "#v1"), ("", "docs", "#:docs"), ("v1", "/a/b/", "#v1:a/b"), ("v1", "/", "#v1")],
)
def test_git_ref_and_directory_are_the_fragment(ref: str, subdir: str, fragment: str) -> None:
    """What to check out stands after the `#`, as upstream writes it."""
    op = _op(ops.git("https://example.org/a", ref=ref, subdir=subdir)).source
    assert op.identifier == "git://example.org/a" + fragment


@pytest.mark.parametrize(
    ("ref", "full"),
    [
        ("debian", "docker.io/library/debian:latest"),
        ("debian:bookworm-slim", "docker.io/library/debian:bookworm-slim"),
        ("astro/runtime", "docker.io/astro/runtime:latest"),
        ("docker.io/debian", "docker.io/library/debian:latest"),
        ("docker.io/astro/runtime:1", "docker.io/astro/runtime:1"),
        ("index.docker.io/debian", "docker.io/library/debian:latest"),
        ("quay.io/astronomer/astro-runtime:12.7.1", "quay.io/astronomer/astro-runtime:12.7.1"),
        ("localhost/a", "localhost/a:latest"),
        ("localhost:5000/a", "localhost:5000/a:latest"),
        ("127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c"),
        ("debian@sha256:00", "docker.io/library/debian@sha256:00"),
        ("debian:bookworm@sha256:00", "docker.io/library/debian:bookworm@sha256:00"),
        ("Registry/a", "Registry/a:latest"),
    ],
)
def test_image_reference_is_written_in_full(ref: str, full: str) -> None:
    """A reference is read as `docker pull` reads it."""
    assert ops.normalize_image(ref) == full
    assert _op(ops.image(ref)).source.identifier == "docker-image://" + full


def test_pulled_image_asks_for_its_capability() -> None:
    """Resolving an image at the registry requires a capability (client/llb/source.go)."""
    state = ops.image("debian", resolve_mode="pull")
    assert ops.marshal(state).vertices()[0].metadata.caps == {"source.image": True, "source.image.resolvemode": True}


def test_file_actions_follow_each_other_in_one_op() -> None:
    """Each action works on what the one before it left, and only the last is an output."""
    data = ops.file(ops.scratch(), [ops.mkfile("a", b"x")])
    actions = [
        ops.mkdir("/opt/x", mode=0o1755, owner=("astro", 0)),
        ops.copy(data, "/a", "b", include_patterns=["*"]),
        ops.mkfile("/c", b"data", mode=0o600, owner=(1, "staff")),
        ops.copy(ops.scratch(), ".", "/d/.", owner=(2, 3)),
        ops.rm("/e*", allow_not_found=True, wildcard=True),
    ]
    state = ops.file(ops.image("debian"), actions, description="files")
    op = _op(state)
    assert len(op.inputs) == 2
    assert [(one.input, one.secondary_input, one.output) for one in op.file.actions] == [
        (0, -1, -1),
        (2, 1, -1),
        (3, -1, -1),
        (4, -1, -1),
        (5, -1, 0),
    ]
    mkdir, copied, mkfile, scratch_copy, rm = op.file.actions
    assert (mkdir.mkdir.path, mkdir.mkdir.mode, mkdir.mkdir.timestamp) == ("/opt/x", 0o755, -1)
    assert mkdir.mkdir.owner.user.by_name == ops_pb2.NamedUserOpt(name="astro", input=0)
    assert (mkdir.mkdir.owner.group.WhichOneof("user"), mkdir.mkdir.owner.group.by_id) == ("by_id", 0)
    assert (copied.copy.src, copied.copy.dest, copied.copy.mode) == ("/a", "/b", -1)
    assert not copied.copy.HasField("owner")
    assert (mkfile.mkfile.data, mkfile.mkfile.mode, mkfile.mkfile.owner.group.by_name.name) == (b"data", 0o600, "staff")
    assert (scratch_copy.copy.src, scratch_copy.copy.dest, scratch_copy.copy.owner.group.by_id) == ("/", "/d/.", 3)
    assert rm.rm == ops_pb2.FileActionRm(path="/e*", allow_not_found=True, allow_wildcard=True)
    caps = ops.marshal(state).vertices()[-1].metadata.caps
    assert caps == {"file.base": True, "file.copy.includeexcludepatterns": True}


def test_file_op_needs_an_action() -> None:
    with pytest.raises(ValueError, match="at least one action"):
        ops.file(ops.scratch(), [])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", "/a"),
        ("/a/../b", "/b"),
        ("//a", "/a"),
        ("a/", "/a/"),
        ("a/.", "/a/."),
        ("/", "/"),
        ("/.", "/."),
        (".", "/"),
    ],
)
def test_copy_destination_keeps_its_ending(path: str, expected: str) -> None:
    """A final slash says that the destination is a directory (client/llb/fileop.go, normalizePath)."""
    state = ops.file(ops.scratch(), [ops.copy(ops.scratch(), "/", path)])
    assert _op(state).file.actions[0].copy.dest == expected


def test_outputs_of_an_execution_follow_the_order_of_its_mounts() -> None:
    """The n-th mount with an output, in the order of their paths, is output n; others have none."""
    data = ops.file(ops.scratch(), [ops.mkfile("a", b"x")])
    execution = ops.run(
        ["true"],
        root=data,
        mounts=[
            Mount("/z", readonly=False, output=True),
            Mount("/cache", cache=("id", "shared")),
            Mount("/b", data, readonly=False, output=True),
            Mount("/c", data, readonly=False),
            Mount("/d", data, selector="/a"),
        ],
        user="1:2",
    )
    op = _op(execution.root)
    assert [(one.dest, one.input, one.output, one.readonly) for one in op.exec.mounts] == [
        ("/", 0, 0, False),
        ("/b", 0, 1, False),
        ("/c", 0, -1, False),
        ("/cache", -1, -1, False),
        ("/d", 0, -1, True),
        ("/z", -1, 2, False),
    ]
    assert execution.root.index == 0
    assert {dest: state.index for dest, state in execution.mounts.items()} == {"/b": 1, "/z": 2}
    assert op.exec.meta.user == "1:2"
    assert len(op.inputs) == 1


def test_read_only_root_is_no_output() -> None:
    """With a read-only root, the first output is that of a mount, and the root stays what it was."""
    root = ops.image("debian")
    execution = ops.run(["true"], root=root, readonly_root=True, mounts=[Mount("/out", readonly=False, output=True)])
    assert execution == Execution(root, execution.mounts)
    assert execution.mounts["/out"].index == 0
    assert [(one.dest, one.output, one.readonly) for one in _op(execution.mounts["/out"]).exec.mounts] == [
        ("/", -1, True),
        ("/out", 0, False),
    ]


@pytest.mark.parametrize(
    "mount",
    [
        Mount("/m", output=True),
        Mount("/m", readonly=False, output=True, tmpfs=True),
        Mount("/m", readonly=False, output=True, cache=("id", "private")),
    ],
    ids=["read-only", "tmpfs", "cache"],
)
def test_mount_that_keeps_nothing_can_have_no_output(mount: Mount) -> None:
    """An output of something read-only or forgotten is a mistake."""
    with pytest.raises(ValueError, match="the mount /m is an output, so it cannot be"):
        ops.run(["true"], root=ops.scratch(), mounts=[mount])


def test_tmpfs_without_a_limit() -> None:
    """A tmpfs has a message of its own even where it says nothing."""
    state = ops.run(["true"], root=ops.scratch(), mounts=[Mount("/tmp", tmpfs=True)]).root
    mount = _op(state).exec.mounts[1]
    assert mount.mount_type == ops_pb2.MountType.TMPFS
    assert mount.HasField("tmpfs_opt")
    assert "exec.mount.tmpfs.size" not in ops.marshal(state).vertices()[0].metadata.caps


def test_execution_needs_arguments() -> None:
    with pytest.raises(ValueError, match="at least one argument"):
        ops.run([], root=ops.scratch())


def test_layers_are_merged() -> None:
    """A merge takes its layers in order, the same one twice if asked."""
    one, two = ops.image("one"), ops.image("two")
    state = ops.merge([one, ops.scratch(), two, one], description="merged")
    op = _op(state)
    assert [one.digest for one in op.inputs] == [one.digest, two.digest, one.digest]
    assert [one.input for one in op.merge.inputs] == [0, 1, 2]
    assert ops.marshal(state).vertices()[-1].name == "merged"


def test_merge_of_one_is_that_one() -> None:
    """Scratch adds nothing, and one layer needs no merge."""
    one = ops.image("one")
    assert ops.merge([ops.scratch(), one]) == one
    assert ops.merge([]) == ops.merge([ops.scratch()]) == ops.scratch()


def test_difference_is_taken() -> None:
    """A difference has a lower and an upper side; an upper side of nothing is -1."""
    one, two = ops.image("one"), ops.image("two")
    op = _op(ops.diff(one, two))
    assert [one.digest for one in op.inputs] == [one.digest, two.digest]
    assert (op.diff.lower.input, op.diff.upper.input) == (0, 1)
    removed = _op(ops.diff(one, ops.scratch()))
    assert (len(removed.inputs), removed.diff.upper.input) == (1, -1)
    assert ops.diff(ops.scratch(), two) == two


def test_scratch_marshals_to_nothing() -> None:
    """The empty file system is the empty graph, and the other way round."""
    assert ops.marshal(ops.scratch()) == Definition()
    assert ops.from_definition(Definition()) == ops.scratch()
    assert ops.scratch().digest == ""


def test_marshalled_graph_can_be_continued() -> None:
    """A graph read back is the same graph, and any of its outputs can be built upon."""
    definition = golden()
    state = ops.from_definition(definition)
    again = ops.marshal(state)
    assert set(again.ops) == set(definition.ops)
    assert again.ops[-1] == definition.ops[-1]
    assert [one.name for one in again.vertices()] == [one.name for one in definition.vertices()]
    context = definition.vertices()[1]
    part = ops.from_definition(definition, digest=context.digest)
    more = ops.marshal(ops.file(part, [ops.mkfile("/x", b"")]))
    check(more)
    assert more.ops[0] == context.raw
    with pytest.raises(KeyError):
        ops.from_definition(definition, digest="sha256:0")


def test_terminal_op_tells_what_the_graph_uses() -> None:
    """Names and ignored caches are capabilities of the whole graph (client/llb/state.go, Marshal)."""
    plain = ops.marshal(ops.image("debian"))
    assert dict(plain.metadata[plain.digests[-1]].caps) == {"constraints": True, "platform": True}
    definition = ops.marshal(ops.image("debian", description="name"))
    assert "meta.description" in definition.metadata[definition.digests[-1]].caps
    definition.metadata[definition.head].ignore_cache = True
    uncached = ops.marshal(ops.from_definition(definition))
    assert "meta.ignorecache" in uncached.metadata[uncached.digests[-1]].caps


def test_marshalling_does_not_depend_on_the_hash_seed() -> None:
    """The same graph gives the same bytes in every process."""
    code = """
import json, sys
from buildkit_llb import ops
from buildkit_llb.definition import rewrite
context = ops.local("context", session="s", follow_paths=["b", "a"], shared_key_hint="h", description="context")
root = ops.run(
    ["true"],
    root=ops.image("debian"),
    mounts=[ops.Mount(f"/{name}", context, readonly=False, output=True) for name in "dacb"],
)
files = [ops.copy(state, "/", dest) for dest, state in sorted(root.mounts.items())]
definition = ops.marshal(ops.merge([ops.file(root.root, files), ops.git("https://example.org/x"), context]))
print(json.dumps([definition.to_bytes().hex(), rewrite(definition, lambda vertex: None).to_bytes().hex()]))
"""
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    built, rewritten = json.loads(outputs[0])
    assert built == rewritten
