"""Which blocks of a model prediction by depth is of, and whether its logits are computed of the last one alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.blocks import Blocks
from tensorboard_activis.capture.graph.heads import is_heads
from tensorboard_activis.capture.graph.view import GraphView
from tensorboard_activis.capture.keras.graph.recording import Recording


@dataclass(frozen=True)
class BlockRow:
    """The last block of a model and those before it that give as much.

    Attributes:
        keys: of the calls that give the blocks' outputs, in the order in which they run.
        problem: why the logits cannot be read after them, as a sentence; "" if they can, as far as the graph shows it.
    """

    keys: tuple[str, ...]
    problem: str = ""

    @property
    def last(self) -> str:
        """Key of the last block's output."""
        return self.keys[-1]


def last_blocks(recording: Recording) -> BlockRow | None:
    """The blocks to read after; None for a model without at least two, or whose blocks give maps."""
    view = GraphView(recording.graph)
    row = _module_row(view, recording) or _flat_row(view, recording)
    if row is None:
        return None
    other = _other_source(view, row[-1])
    return BlockRow(row, "" if not other else problem_of(row[-1], other))


def problem_of(last: str, reason: str) -> str:
    """The sentence that says why nothing is recorded."""
    return (
        "Prediction by depth is not recorded. It needs logits that are computed from the last block's output alone "
        f"({last!r}), and here {reason}."
    )


def _module_row(view: GraphView, recording: Recording) -> tuple[str, ...] | None:
    """Blocks that are layers with layers inside."""
    called = [(view.owner(key), key) for key in Blocks(view).keys if _is_call(view, recording, key)]
    if not called:
        return None
    owner, last = called[-1]
    return _row(view, recording, [key for around, key in called if around == owner], last)


def _flat_row(view: GraphView, recording: Recording) -> tuple[str, ...] | None:
    """Of a functional model whose layers are not in blocks: what all data flow through before each attention but the first."""
    if recording.graph.origin != "functional":
        return None
    order = {key: index for index, key in enumerate(view.nodes)}
    attention = [view.operation(key) for key, node in view.nodes.items() if is_heads(node)]
    ends = [node.key for node in view.nodes.values() if node.kind == "output" and node.parent == ""]
    if len(attention) < 2 or not ends:
        return None
    path = [key for key in view.bottlenecks(ends[0]) if _is_call(view, recording, key) and key not in attention]
    between = [_last(path, order, order[first], order[second]) for first, second in pairwise(attention)]
    known = [key for key in between if key is not None]
    if len(known) < len(between):
        return None
    # The last block ends as those before it do: in a sum, or in a norm.
    kind = view.nodes[known[-1]].type
    alike = [key for key in path if view.nodes[key].type == kind and _shape(view, key) == _shape(view, known[-1])]
    last = _last(alike, order, order[attention[-1]], len(order))
    return None if last is None else _row(view, recording, [*known, last], last)


def _last(path: Iterable[str], order: Mapping[str, int], begin: int, end: int) -> str | None:
    """The last of these keys that runs between two others."""
    return next((key for key in reversed(list(path)) if begin < order[key] < end), None)


def _row(view: GraphView, recording: Recording, keys: Iterable[str], last: str) -> tuple[str, ...] | None:
    alike = tuple(
        key
        for key in dict.fromkeys(keys)
        if _shape(view, key) == _shape(view, last) and recording.axes[key] == recording.axes[last]
    )
    rank = len(_shape(view, last).sizes)
    return alike if len(alike) > 1 and rank in (2, 3) and recording.axes[last] == rank - 2 else None


def _is_call(view: GraphView, recording: Recording, key: str) -> bool:
    node = view.nodes[key]
    seen = key in recording.observable and key not in recording.replayed
    return seen and node.kind in ("module", "operator") and len(node.outputs) == 1


def _shape(view: GraphView, key: str) -> schema.Shape:
    return view.nodes[key].outputs[0]


def _other_source(view: GraphView, last: str) -> str:
    """What else the model's outputs are computed from than a block's output, as part of a sentence; "" if nothing."""
    if not view.graph.edges:
        return "nothing shows what is computed from what: the model runs on data alone"
    inside = view.within(last)
    behind = view.reached(inside) - inside
    for key in view.nodes:
        for source in view.before.get(key, ()) if key in behind else ():
            if source not in behind | inside and source in view.depending:
                kind = view.nodes[source].type
                return f"{view.nodes[key].name or key!r} takes {source!r} ({kind}) as well, which is computed from the input"
    outputs = [node.key for node in view.nodes.values() if node.kind == "output" and node.parent == ""]
    return "" if any(key in behind for key in outputs) else "none of the model's outputs is"
