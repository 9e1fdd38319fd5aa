"""Write BuildKit frontends in Python: a client for the frontend gateway, and LLB graphs.

`Gateway` makes the calls to the daemon, `ops` builds graphs, and a `Definition` is a marshalled graph, which can be
read and rewritten. README.md lists the public names by topic, and has two complete examples.

Public are the names in `__all__`, those in the `__all__` of the modules that it lists, and the messages in
`buildkit_llb.proto.ops_pb2` and `gateway_pb2` that signatures mention. Everything else can change in any release.

Names are imported on first use: a frontend has to send `PREFACE` before anything slow is imported.
"""

# Type checkers treat this as typing.TYPE_CHECKING, and `typing` need not be imported.
TYPE_CHECKING = False

__version__ = "1.0.0.dev0"

if TYPE_CHECKING:
    from buildkit_llb import errors, ops, sourcemap, splice
    from buildkit_llb.definition import Definition, DefinitionError, Vertex, rewrite
    from buildkit_llb.errors import (
        ConnectionLostError,
        Detail,
        GatewayError,
        Range,
        RpcError,
        SourceDetail,
        Status,
        UnsupportedError,
    )
    from buildkit_llb.exec_ops import Mount
    from buildkit_llb.files import Stat
    from buildkit_llb.gateway import (
        CAP_DIFF_OP,
        CAP_MERGE_OP,
        CacheImport,
        Caps,
        Gateway,
        ImageConfig,
        SourceMeta,
        Transport,
    )
    from buildkit_llb.graph import State
    from buildkit_llb.platforms import Platform
    from buildkit_llb.preface import PREFACE
    from buildkit_llb.result import Attestation, Ref, Result
    from buildkit_llb.stdio import Connection

__all__ = [
    "CAP_DIFF_OP",
    "CAP_MERGE_OP",
    "PREFACE",
    "Attestation",
    "CacheImport",
    "Caps",
    "Connection",
    "ConnectionLostError",
    "Definition",
    "DefinitionError",
    "Detail",
    "Gateway",
    "GatewayError",
    "ImageConfig",
    "Mount",
    "Platform",
    "Range",
    "Ref",
    "Result",
    "RpcError",
    "SourceDetail",
    "SourceMeta",
    "Stat",
    "State",
    "Status",
    "Transport",
    "UnsupportedError",
    "Vertex",
    "errors",
    "ops",
    "rewrite",
    "sourcemap",
    "splice",
]

_NAMES = {
    "definition": ("Definition", "DefinitionError", "Vertex", "rewrite"),
    "errors": (
        "ConnectionLostError",
        "Detail",
        "GatewayError",
        "Range",
        "RpcError",
        "SourceDetail",
        "Status",
        "UnsupportedError",
    ),
    "exec_ops": ("Mount",),
    "files": ("Stat",),
    "gateway": (
        "CAP_DIFF_OP",
        "CAP_MERGE_OP",
        "CacheImport",
        "Caps",
        "Gateway",
        "ImageConfig",
        "SourceMeta",
        "Transport",
    ),
    "graph": ("State",),
    "platforms": ("Platform",),
    "preface": ("PREFACE",),
    "result": ("Attestation", "Ref", "Result"),
    "stdio": ("Connection",),
}
"""The imports above for run time: the names of each module."""


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # type checkers would accept any name if they saw `__getattr__`

    def __getattr__(name: str) -> object:
        """Import a public name on first use (PEP 562)."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - not needed at start-up

        home = next((module for module, names in _NAMES.items() if name in names), None)
        value = import_module(f"{__name__}.{home or name}")
        if home is not None:
            value = globals()[name] = getattr(value, name)
        return value
