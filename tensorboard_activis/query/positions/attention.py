"""What one head of an attention does: its pattern on a pinned instance, and all heads of its layer beside it."""

import math
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.contract import Float32Array, MaybeNaN, Records
from tensorboard_activis.query.instances.classes import InstanceBrief, briefs
from tensorboard_activis.query.instances.content import TOKENS
from tensorboard_activis.query.instances.lists import is_list
from tensorboard_activis.read.patterns import Pattern, patterned
from tensorboard_activis.read.snapshot import SnapshotReader

#: What is recorded of heads beside the norm of their output, each as a layer of its own.
_FIGURES = ("entropy", "first", "previous", "self")


@dataclass(frozen=True, slots=True)
class HeadMeans:
    """What a head does on average, over all instances seen.

    Attributes:
        head: its index.
        norm: L2 norm of its output, before the output projection.
        entropy: of its attention, in bits.
        first: share of its attention that goes to the first position.
        previous: share that goes to the position before.
        self_: share that goes to the same position.
    """

    head: int
    norm: MaybeNaN
    entropy: MaybeNaN
    first: MaybeNaN
    previous: MaybeNaN
    self_: MaybeNaN


@dataclass(frozen=True, slots=True)
class Attention:
    """One head of an attention.

    Attributes:
        head: its index in the layer.
        heads: all heads of the layer, if it is one of heads; not known is what was not recorded, or does not exist where another
            sequence is looked at.
        pinned: the instances that have a pattern.
        index: of the instance whose pattern this is; None without one, and then all below is None.
        missing: why there is no pattern; "" where there is one.
        shares: [from, to]: from each position of the instance, the share of attention that goes to each. Rows sum to 1.
        rows: number of its rows; 0 without a pattern.
        columns: number of its columns.
        rows_together: how many positions beside each other a row is, the mean of them; 1 unless there are very many.
        columns_together: how many a column is, the sum of them.
        grid: rows and columns of the patches that the positions are, row by row; () where they are none, or that is not known.
        before: how many positions come before the patches, such as a class token; 0 without patches.
        row_tokens: what looks, one text per row; None if it is not known. A patch is its row and column in the grid, "2, 5", and
            what comes before has its number in brackets.
        column_tokens: what is looked at, one text per column; None if it is not known.
        entropy: [from]: of each row, in bits. Like the next three, None where positions are together.
        first: [from]: share of each row that goes to the first position.
        previous: [from]: share that goes to the position before; 0 in the first row. None where another sequence is looked at.
        self_: [from]: share that goes to the same position. None where another sequence is looked at.
    """

    head: int
    heads: Records[HeadMeans]
    pinned: Records[InstanceBrief]
    index: int | None
    missing: str
    shares: Float32Array | None
    rows: int
    columns: int
    rows_together: int
    columns_together: int
    grid: tuple[int, ...]
    before: int
    row_tokens: tuple[str, ...] | None
    column_tokens: tuple[str, ...] | None
    entropy: Float32Array | None
    first: Float32Array | None
    previous: Float32Array | None
    self_: Float32Array | None


def attention(snapshot: SnapshotReader, layer: str, head: int, index: int | None) -> Attention:
    """What a head does, and its pattern on an instance, answer of the route `attention`.

    Arguments:
        layer: of heads, or of one of their figures: "h.0.attn/heads", "h.0.attn/heads[entropy]".
        head: index of the head.
        index: of the instance; None for the first that has a pattern.

    Raises:
        NotFoundError: there is no such layer, head or instance.
        UnreadableError: a file is missing or damaged.
    """
    width = snapshot.layer(layer).neurons
    base = heads_layer(layer)
    if not 0 <= head < width:
        raise NotFoundError(f"{layer} has heads 0 to {width - 1}; got {head}.")
    if index is not None and not 0 <= index < snapshot.stored_instances:
        raise NotFoundError(f"There are instances 0 to {snapshot.stored_instances - 1}; got {index}.")
    none = (None, None, None, None, None, None)
    if base is None:
        missing = f"The layer {layer!r:.80} is not one of heads of attention, whose names end in /heads."
        nothing: Records[InstanceBrief] = Records(InstanceBrief)
        return Attention(head, Records(HeadMeans), nothing, None, missing, None, 0, 0, 1, 1, (), 0, *none)
    sample = snapshot.record.sample_size
    recorded = snapshot.layers.get(base)
    pinned = range(sample, sample + (0 if recorded is None else patterned(recorded)))
    wanted = pinned.start if index is None and pinned else index
    pattern, missing = _pattern(snapshot, base, wanted)
    heads = _means(snapshot, base, width)
    known = Records(InstanceBrief, briefs(snapshot, pinned))
    if pattern is None or wanted is None:
        return Attention(head, heads, known, None, missing, None, 0, 0, 1, 1, (), 0, *none)
    shares = np.ascontiguousarray(pattern.shares[head])
    own = f"{base}[self]" in snapshot.layers or shares.shape[0] == shares.shape[1]
    rows_together, columns_together = pattern.rows_together, pattern.columns_together
    whole = rows_together == columns_together == 1
    tokens = _tokens(snapshot, wanted)
    grid, before = (
        patches(snapshot, shares.shape[0]) if whole and own and shares.shape[0] == shares.shape[1] else ((), 0)
    )
    if grid:
        places = [f"{place // grid[1]}, {place % grid[1]}" for place in range(shares.shape[0] - before)]
        tokens.append([*(f"[{place}]" for place in range(before)), *places])
    return Attention(
        head,
        heads,
        known,
        wanted,
        "",
        shares,
        shares.shape[0],
        shares.shape[1],
        rows_together,
        columns_together,
        grid,
        before,
        _fitting(tokens, shares.shape[0], rows_together) if own else None,
        _fitting(tokens, shares.shape[1], columns_together),
        _entropy(shares) if whole else None,
        shares[:, 0].copy() if whole and shares.shape[1] else None,
        _diagonal(shares, -1) if whole and own else None,
        _diagonal(shares, 0) if whole and own else None,
    )


def heads_layer(layer: str) -> str | None:
    """The name of the layer of heads that a layer belongs to, itself or one of its figures; None if it does not."""
    name = layer
    for figure in _FIGURES:
        name = name.removesuffix(f"[{figure}]")
    last = name.rpartition("/")[2]
    return name if last == "heads" or last.removeprefix("heads_").isdigit() else None


def patches(snapshot: SnapshotReader, positions: int) -> tuple[tuple[int, ...], int]:
    """The grid of patches that so many positions are, and how many positions come before it; ((), 0) where that is not known.

    It is known where a layer of as many positions has its places in a grid (`capture/torch/patch_grid.py`), and all such have one.
    """
    found = {
        layer.positions.sizes
        for layer in snapshot.layers.values()
        if layer.positions is not None
        and len(layer.positions.sizes) == 2
        and len(layer.info.shape.sizes) == 3
        and layer.info.shape.sizes[1] == positions
        and 0 < math.prod(layer.positions.sizes) <= positions
    }
    if len(found) != 1:
        return (), 0
    (grid,) = found
    return grid, positions - math.prod(grid)


def _pattern(snapshot: SnapshotReader, layer: str, index: int | None) -> tuple[Pattern | None, str]:
    if layer not in snapshot.layers:
        return None, f"The layer {layer!r:.80} was not recorded, and patterns are kept with it."
    if index is None:
        return None, "Patterns are kept of pinned instances: log with pinned=, a few instances of your choice."
    try:
        return snapshot.attention(layer, index), ""
    except NotFoundError as error:
        return None, str(error)


def _means(snapshot: SnapshotReader, layer: str, heads: int) -> Records[HeadMeans]:
    columns = []
    for name in (layer, *(f"{layer}[{figure}]" for figure in _FIGURES)):
        there = name in snapshot.layers and snapshot.layers[name].neurons == heads
        columns.append(snapshot.summary(name, 1).mean[0].astype(float) if there else np.full(heads, math.nan))
    return Records(HeadMeans, (HeadMeans(head, *map(float, row)) for head, row in enumerate(np.stack(columns, 1))))


def _tokens(snapshot: SnapshotReader, index: int) -> list[list[str]]:
    """The tokens of an instance, one per position, and its words, where they were logged."""
    table, found = snapshot.instances, []
    for name in (TOKENS, "words"):
        if name in table.column_names and is_list(table.schema.field(name).type):
            texts = table.column(name)[index].as_py()
            found += [] if texts is None else [["" if text is None else str(text) for text in texts]]
    return found


def _fitting(candidates: list[list[str]], count: int, together: int) -> tuple[str, ...] | None:
    """One text per row or column; None where there are none for as many positions."""
    tokens = next((each for each in candidates if math.ceil(len(each) / together) == count), None)
    if tokens is None:
        return None
    return tuple("".join(tokens[start : start + together]) for start in range(0, len(tokens), together))


def _entropy(shares: np.ndarray) -> np.ndarray:
    values = shares.astype(np.float64)
    there = values > 0
    logs = np.log2(values, out=np.zeros_like(values), where=there)
    return np.asarray(-(values * logs).sum(1), np.float32)


def _diagonal(shares: np.ndarray, offset: int) -> np.ndarray:
    """The share of each row that goes to the position so many after it; 0 where there is none."""
    values = np.zeros(shares.shape[0], np.float32)
    diagonal = np.diagonal(shares, offset)
    values[-offset : -offset + diagonal.size] = diagonal
    return values
