"""What BuildKit passes to a frontend: the build's options, session and workers.

The keys are those of frontend/dockerui/config.go and frontend/dockerui/context.go (BuildKit v0.32); how they reach
the process is frontend/gateway/gateway.go.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

_OPTION_PREFIX = "BUILDKIT_FRONTEND_OPT_"

BUILD_ARG = "build-arg:"
ATTEST = "attest:"
NAMED_CONTEXT = "context:"
CONTEXT = "context"
CONTEXT_KEY = "contextkey"
CONTEXT_SUBDIR = "contextsubdir"
CMDLINE = "cmdline"
DOCKERFILE_KEY = "dockerfilekey"
FILENAME = "filename"
REQUEST_ID = "requestid"
SOURCE = "source"
TARGET = "target"
NO_CACHE = "no-cache"
PLATFORM = "platform"
CACHE_IMPORTS = "cache-imports"
CACHE_FROM = "cache-from"
LOCAL_SESSION = "local-sessionid:"
CHECK = BUILD_ARG + "BUILDKIT_DOCKERFILE_CHECK"
SYNTAX = BUILD_ARG + "BUILDKIT_SYNTAX"
KEEP_GIT_DIR = BUILD_ARG + "BUILDKIT_CONTEXT_KEEP_GIT_DIR"

DEFAULT_FILENAME = "Dockerfile"
_PLATFORM = re.compile(r"\w+/\w+(?:/[\w.]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The options of one build, as the daemon passes them."""

    opts: Mapping[str, str]
    session: str
    platform: str
    """The daemon's own platform, such as "linux/amd64", on which the frontend image runs."""
    site: Mapping[str, str]
    """The environment of the frontend image: the site's defaults."""

    @property
    def filename(self) -> str:
        """Path of the Dockerfile in its local directory."""
        return self.opts.get(FILENAME, DEFAULT_FILENAME)

    @property
    def first_platform(self) -> str:
        """The first platform that is built for: "linux/amd64". The Dockerfile frontend refuses what is not one."""
        first = self.opts.get(PLATFORM, "").split(",")[0]
        return first if _PLATFORM.fullmatch(first) else self.platform

    def local_session(self, name: str) -> str:
        """Session that serves the local directory `name`; buildx may send several builds to one daemon."""
        return self.opts.get(LOCAL_SESSION + name, self.session)

    def setting(self, name: str) -> str:
        """Value of `--build-arg name=…`, else of the image's own environment, else ""."""
        return self.opts.get(BUILD_ARG + name) or self.site.get(name, "")

    def enabled(self, name: str) -> bool:
        """Whether a setting that is on by default is still on."""
        return self.setting(name).strip().lower() not in {"0", "f", "false", "n", "no", "off"}

    @property
    def build_args(self) -> dict[str, str]:
        """Values of `--build-arg`, by name; the client adds the proxies of its own configuration."""
        return {key[len(BUILD_ARG) :]: value for key, value in self.opts.items() if key.startswith(BUILD_ARG)}

    @property
    def no_cache(self) -> list[str]:
        """Names from `--no-cache-filter`, of stages and environments."""
        return [name.strip() for name in self.opts.get(NO_CACHE, "").split(",") if name.strip()]

    def cache_imports(self) -> list[tuple[str, dict[str, str]]]:
        """Remote caches as (type, attributes), from `cache-imports` and the older `cache-from`."""
        found: list[tuple[str, dict[str, str]]] = []
        if imports := self.opts.get(CACHE_IMPORTS):
            found += [(entry["Type"], entry.get("Attrs") or {}) for entry in json.loads(imports)]
        if refs := self.opts.get(CACHE_FROM):
            found += [("registry", {"ref": ref}) for ref in refs.split(",")]
        return found


def read(environ: Mapping[str, str]) -> BuildOptions:
    """Read the build's options from the process environment.

    BuildKit numbers them in random order, and their values may be empty or contain anything, including newlines.
    """
    opts: dict[str, str] = {}
    site: dict[str, str] = {}
    for name, value in environ.items():
        if name.startswith(_OPTION_PREFIX):
            key, _, content = value.partition("=")
            opts[key] = content
        else:
            site[name] = value
    return BuildOptions(
        opts=opts,
        session=environ.get("BUILDKIT_SESSION_ID", ""),
        platform=_daemon_platform(environ.get("BUILDKIT_WORKERS", "")),
        site=site,
    )


def _daemon_platform(workers: str) -> str:
    """First platform of the first worker; the daemon writes its workers as JSON (client/workers.go)."""
    for worker in json.loads(workers or "[]") or []:
        for platform in worker.get("platforms") or []:
            return "/".join(filter(None, (platform.get(key) for key in ("os", "architecture", "variant"))))
    return "linux/amd64"
