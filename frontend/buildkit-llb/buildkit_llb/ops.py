"""Functions that build LLB graphs, such as `marshal(run(["true"], root=image("debian")).root)`.

Each returns a `State`, which is one output of an op, or an action for `file`. `marshal` turns a state into the
`Definition` that `Gateway.solve` takes, and `from_definition` turns it back.
"""

from collections.abc import Iterable

from buildkit_llb.exec_ops import Execution, Mount, run
from buildkit_llb.file_ops import FileAction, Owner, copy, file, mkdir, mkfile, rm
from buildkit_llb.graph import NO_INPUT, State, from_definition, make_node, marshal, scratch
from buildkit_llb.platforms import Platform
from buildkit_llb.proto import ops_pb2
from buildkit_llb.source_ops import git, http, image, local, normalize_image

__all__ = [
    "NO_INPUT",
    "Execution",
    "FileAction",
    "Mount",
    "Owner",
    "Platform",
    "State",
    "copy",
    "diff",
    "file",
    "from_definition",
    "git",
    "http",
    "image",
    "local",
    "marshal",
    "merge",
    "mkdir",
    "mkfile",
    "normalize_image",
    "rm",
    "run",
    "scratch",
]


def merge(states: Iterable[State], *, description: str = "") -> State:
    """Stack the file systems `states`, the last on top: MergeOp.

    `description` is the step's name in the progress output. Requires the capability `CAP_MERGE_OP`.
    """
    layers = [state for state in states if state.node is not None]
    if len(layers) <= 1:
        return layers[0] if layers else State()
    op = ops_pb2.Op(
        inputs=[ops_pb2.Input(digest=state.digest, index=state.index) for state in layers],
        merge=ops_pb2.MergeOp(inputs=[ops_pb2.MergeInput(input=index) for index in range(len(layers))]),
    )
    return State(
        make_node(op, inputs=[one.node for one in layers if one.node], caps={"mergeop"}, description=description)
    )


def diff(lower: State, upper: State, *, description: str = "") -> State:
    """Extract the changes from `lower` to `upper`: DiffOp.

    `description` is the step's name in the progress output. Requires the capability `CAP_DIFF_OP`.
    """
    if lower.node is None:
        return upper
    inputs = [ops_pb2.Input(digest=state.digest, index=state.index) for state in (lower, upper) if state.node]
    op = ops_pb2.Op(
        inputs=inputs,
        diff=ops_pb2.DiffOp(
            lower=ops_pb2.LowerDiffInput(input=0),
            upper=ops_pb2.UpperDiffInput(input=NO_INPUT if upper.node is None else 1),
        ),
    )
    return State(
        make_node(op, inputs=[one.node for one in (lower, upper) if one.node], caps={"diffop"}, description=description)
    )
