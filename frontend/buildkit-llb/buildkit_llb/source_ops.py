"""Ops that fetch files: from the client, over HTTP, from registries and from git.

Capabilities and attribute names: moby/buildkit solver/pb/caps.go and solver/pb/attr.go (v0.32.2).
"""

from collections.abc import Mapping, Sequence

from buildkit_llb.errors import go_json
from buildkit_llb.graph import State, make_node
from buildkit_llb.platforms import Platform
from buildkit_llb.proto import ops_pb2


def local(  # noqa: PLR0913 - one keyword per attribute of the op
    name: str,
    *,
    session: str = "",
    follow_paths: Sequence[str] = (),
    exclude_patterns: Sequence[str] = (),
    include_patterns: Sequence[str] = (),
    shared_key_hint: str = "",
    differ_none: bool = False,
    unique: str = "",
    description: str = "",
) -> State:
    """Fetch the directory `name` of the client, such as `context` or `dockerfile`.

    `session` is the client's session (BUILDKIT_SESSION_ID). Without one, `unique` separates the cache entry from those
    of other builds. `follow_paths` limits the transfer to these paths and the targets of their symbolic links;
    `include_patterns` and `exclude_patterns`, as in .dockerignore, limit it further.
    `shared_key_hint` names the cache that the next build updates. `differ_none` makes the client send all files, even
    those that look unchanged. `description` is the step's name in the progress output.
    """
    attrs: dict[str, str] = {}
    caps = {"source.local"}
    for key, cap, value in (
        ("local.session", "source.local.sessionid", session),
        ("local.includepattern", "source.local.includepatterns", _go_list(include_patterns)),
        ("local.followpaths", "source.local.followpaths", _go_list(follow_paths)),
        ("local.excludepatterns", "source.local.excludepatterns", _go_list(exclude_patterns)),
        ("local.sharedkeyhint", "source.local.sharedkeyhint", shared_key_hint),
    ):
        if value:
            attrs[key] = value
            caps.add(cap)
    if not session:
        attrs["local.unique"] = unique
        caps.add("source.local.unique")
    if differ_none:
        attrs["local.differ"] = "none"
    return _source(f"local://{name}", attrs, caps, description)


def http(
    url: str,
    *,
    checksum: str = "",
    filename: str = "",
    mode: int | None = None,
    description: str = "",
) -> State:
    """Download the file at `url` into the root of an empty file system.

    `checksum` is `sha256:<hex>`. `filename` defaults to the name that the server or the URL gives, and `mode`, the
    permission bits, to 0o600. `description` is the step's name in the progress output.
    """
    attrs: dict[str, str] = {}
    caps = {"source.http"}
    if checksum:
        attrs["http.checksum"] = checksum
        caps.add("source.http.checksum")
    if filename:
        attrs["http.filename"] = filename
    if mode is not None:
        attrs["http.perm"] = f"0{mode & 0o777:o}"
        caps.add("source.http.perm")
    return _source(url, attrs, caps, description)


def image(ref: str, *, platform: Platform | None = None, resolve_mode: str = "", description: str = "") -> State:
    """Use the file system of the image `ref`, as in `docker pull`. `platform` defaults to the daemon's own.

    `resolve_mode` says whether to use an image that is already in the engine's image store: `local` prefers it, `pull`
    checks the registry, and `default` leaves the choice to the daemon. `description` is the step's name in the progress
    output.
    """
    attrs = {"image.resolvemode": resolve_mode} if resolve_mode else {}
    caps = {"source.image", "source.image.resolvemode"} if resolve_mode == "pull" else {"source.image"}
    return _source(f"docker-image://{normalize_image(ref)}", attrs, caps, description, platform)


def git(  # noqa: PLR0913 - one keyword per attribute of the op
    remote: str,
    *,
    ref: str = "",
    subdir: str = "",
    keep_git_dir: bool = False,
    checksum: str = "",
    ssh_socket: str = "default",
    known_ssh_hosts: str = "",
    description: str = "",
) -> State:
    """Check out a git repository, or its directory `subdir`.

    `remote` is a URL without a fragment (`https://…`, `ssh://…`, `git://…`) or scp-like (`git@host:path`). `ref` is a
    branch, tag or commit, and `checksum` is the commit that it must resolve to. `keep_git_dir` keeps `.git`.
    `ssh_socket` (the id of the client's SSH agent) and `known_ssh_hosts` apply to ssh only. `description` is the step's
    name in the progress output.
    """
    host_path, ssh = _git_location(remote)
    fragment = f"#{ref}" if ref or subdir else ""
    fragment += f":{subdir.strip('/')}" if subdir.strip("/") else ""
    attrs = {
        "git.fullurl": remote,
        # The daemon uses the client's secrets of these names, if it has them.
        "git.authtokensecret": "GIT_AUTH_TOKEN",
        "git.authheadersecret": "GIT_AUTH_HEADER",
    }
    caps = {"source.git", "source.git.fullurl"}
    if keep_git_dir:
        attrs["git.keepgitdir"] = "true"
        caps.add("source.git.keepgitdir")
    if ssh:
        attrs["git.mountsshsock"] = ssh_socket
        caps |= {"source.git.mountsshsock"}
        if known_ssh_hosts:
            attrs["git.knownsshhosts"] = known_ssh_hosts
            caps.add("source.git.knownsshhosts")
    if checksum:
        attrs["git.checksum"] = checksum
        caps.add("source.git.checksum")
    return _source(f"git://{host_path}{fragment}", attrs, caps, description)


def normalize_image(ref: str) -> str:
    """Expand the image reference `ref` as `docker pull` does, to registry, repository and tag or digest.

    The rules are those of github.com/distribution/reference, ParseNormalizedNamed and TagNameOnly.
    """
    first, slash, _ = ref.partition("/")
    if not slash:
        ref = f"docker.io/library/{ref}"
    elif not (set(".:") & set(first) or first == "localhost" or first != first.lower()):
        ref = f"docker.io/{ref}"
    elif first == "index.docker.io":
        return normalize_image("docker.io/" + ref.partition("/")[2])
    elif first == "docker.io" and ref.count("/") == 1:
        ref = f"docker.io/library/{ref.partition('/')[2]}"
    name = ref.rpartition("/")[2]
    return ref if set("@:") & set(name) else f"{ref}:latest"


def _source(
    identifier: str, attrs: Mapping[str, str], caps: set[str], description: str, platform: Platform | None = None
) -> State:
    op = ops_pb2.Op(source=ops_pb2.SourceOp(identifier=identifier, attrs=attrs))
    return State(make_node(op, caps=caps, description=description, platform=platform))


def _go_list(values: Sequence[str]) -> str:
    return go_json(list(values)).decode() if values else ""


def _git_location(remote: str) -> tuple[str, bool]:
    """Split a remote into `host/path` and whether it uses ssh (util/gitutil/git_url.go)."""
    scheme, separator, rest = remote.partition("://")
    if not separator:
        host, _, path = remote.partition(":")
        scheme, rest = "ssh", f"{host}/{path.lstrip('/')}"
    host, _, path = rest.partition("/")
    return f"{host.rpartition('@')[2]}/{path}", scheme == "ssh"
