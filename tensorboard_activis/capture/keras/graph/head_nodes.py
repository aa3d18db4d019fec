"""Adds the heads of attention to a graph: nodes below the layer that computes it, which are layers to record themselves."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tensorboard_activis.capture.graph.heads import CROSS_FIGURES, FIGURES, heads_type
from tensorboard_activis.capture.keras.attention.calls import Ends, heads_of
from tensorboard_activis.capture.keras.graph.nodes import DraftNode
from tensorboard_activis.schema import Shape

HEADS = "heads"


class Building(Protocol):
    """What is needed of the graph that is built; see `GraphBuilder`."""

    queries: dict[str, list[str]]
    sources: dict[int, str]
    edges: dict[tuple[str, str], Any]

    def begin(self, key: str, operation: Any, path: str, number: int, kind: str, parent: str | None) -> DraftNode:
        """Adds a node."""


@dataclass(frozen=True)
class SeenHeads:
    """The heads of a call of an attention layer.

    Attributes:
        count: how many.
        rows, columns: number of positions that look and that are looked at; -1 where it is open.
        query, value: the tensors that these are computed from.
        same: whether these are one tensor.
    """

    count: int
    rows: int
    columns: int
    query: Sequence[Any]
    value: Sequence[Any]
    same: bool

    @classmethod
    def of(
        cls,
        layer: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        origins: Callable[[list[Any]], list[Any]] = lambda tensors: tensors,
    ) -> "SeenHeads | None":
        """Those of a call; None of a layer whose heads cannot be seen, or that has none.

        Arguments:
            origins: gives the tensors of the graph that others were computed from.
        """
        ends = Ends.of(layer, args, kwargs)
        count = 0 if ends is None else heads_of(layer, ends.query)
        if ends is None or not count:
            return None
        rows, columns = (_positions(each) for each in (ends.query, ends.value))
        return cls(count, rows, columns, origins([ends.query]), origins([ends.value]), ends.query is ends.value)


def add_heads(builder: Building, parent: str, seen: SeenHeads) -> str:
    """Adds a node for heads, and nodes inside for what is recorded of them; returns its key."""
    key = f"{parent}/{HEADS}"
    cross = _is_cross(builder, seen)
    # Where fewer positions are looked at than look, none is the same or the one before.
    fewer = 0 <= seen.columns < seen.rows
    figures = CROSS_FIGURES if cross or fewer else FIGURES
    builder.queries[key] = [source for tensor in seen.query if (source := builder.sources.get(id(tensor))) is not None]
    for figure in ("", *figures):
        name, above, kind = (f"{key}[{figure}]", key, "output") if figure else (key, parent, "operator")
        draft = builder.begin(name, None, "", 0, kind, above)
        draft.label = figure or heads_type(seen.count, cross=cross)
        draft.outputs, draft.axis, draft.observable = (Shape((-1, seen.rows, seen.count), "float32"),), 1, True
    return key


def _is_cross(builder: Building, seen: SeenHeads) -> bool:
    """Whether what is looked at is another sequence: of other inputs, when attention before is followed by what looks alone."""
    if seen.same:
        return False
    if seen.rows != seen.columns and -1 not in (seen.rows, seen.columns):
        return True
    before: dict[str, list[str]] = {}
    for source, target in builder.edges:
        before.setdefault(target, []).append(source)
    before |= {key: sources for key, sources in builder.queries.items() if sources}
    looking, looked_at = (_starts(builder, before, tensors) for tensors in (seen.query, seen.value))
    return bool(looking or looked_at) and not looking & looked_at


def _starts(builder: Building, before: Mapping[str, Sequence[str]], tensors: Sequence[Any]) -> set[str]:
    """Keys of the nodes without a source that tensors are computed from."""
    pending = [source for tensor in tensors if (source := builder.sources.get(id(tensor))) is not None]
    seen, starts = set(pending), set()
    while pending:
        key = pending.pop()
        sources = before.get(key, ())
        if not sources:
            starts.add(key)
        pending += [source for source in sources if source not in seen]
        seen.update(sources)
    return starts


def _positions(tensor: Any) -> int:
    sizes = tensor.shape[1:-1]
    return -1 if any(size is None for size in sizes) else math.prod(int(size) for size in sizes)
