"""What the heads of an attention do at each position, with the operators of the backend, inside the compiled forward pass."""

from collections.abc import Callable, Collection
from typing import Any

from keras import ops

from tensorboard_activis.capture.instances.patterns import MOST_POSITIONS
from tensorboard_activis.capture.keras.attention.calls import AttentionCall
from tensorboard_activis.capture.reductions import real_first

#: Shares of attention of one instance that are computed at a time.
_AT_ONCE = 1 << 19
_MASKED = -1e9


def norms(call: AttentionCall) -> Any:
    """float32 [batch, positions, heads]: the L2 norm of what each head gives at each position."""
    return ops.sqrt(ops.sum(ops.square(ops.cast(call.output, "float32")), axis=-1))


def looks(call: AttentionCall, figures: Collection[str], mask: Any) -> dict[str, Any]:
    """Where the heads look from each position.

    Arguments:
        figures: "entropy" (bits) of the shares of attention; "first", "previous", "self": the share that goes to the first real
            position, to the real one before (0 where there is none) and to the same.
        mask: bool [batch, to], False in padding; None without.

    Returns:
        By figure float32 [batch, positions, heads].
    """
    if not figures:
        return {}
    names = [name for name in ("first", "previous", "self") if name in figures]
    rows, columns = _length(call.output, 1), _columns(call)

    def read(shares: Any, positions: Any) -> Any:
        batch, heads, count, _ = ops.shape(shares)
        found = [_entropy(shares)] if "entropy" in figures else []
        for name in names:
            target, there = _target(name, positions, mask, columns)
            wanted = ops.broadcast_to(target[:, None, :, None], (batch, heads, count, 1))
            share = ops.take_along_axis(shares, wanted, axis=3)[..., 0]
            found.append(ops.where(there[:, None, :], share, 0.0))
        return ops.stack(found, axis=3)

    values = ops.transpose(_by_positions(read, call, rows), (0, 2, 1, 3))
    order = ["entropy", *names] if "entropy" in figures else names
    return {name: values[..., index] for index, name in enumerate(order)}


def patterns(call: AttentionCall, rows_mask: Any, columns_mask: Any) -> dict[str, Any]:
    """The shares of attention over real positions, some beside each other together where there are very many.

    Arguments:
        rows_mask, columns_mask: bool [batch, positions], False in padding; None without.

    Returns:
        `shares`, float32 [batch, heads, from, to], the mean of those that look and the sum of those that are looked at together;
        `together` and `counts`, int32 [batch, 2]: how many positions a row and a column stand for, and how many of these there are.
    """
    rows, columns = _length(call.output, 1), _columns(call)
    batch = ops.shape(call.output)[0]
    ends = [_bins(mask, batch, length) for mask, length in ((rows_mask, rows), (columns_mask, columns))]
    (row_in, row_together, row_counts), (column_in, column_together, column_counts) = ends

    def read(shares: Any, positions: Any) -> Any:
        return ops.matmul(shares, column_in[:, None])

    across = _by_positions(read, call, rows)
    sizes = ops.maximum(ops.sum(row_in, axis=1), 1.0)
    shares = ops.matmul(ops.transpose(row_in, (0, 2, 1))[:, None], across) / sizes[:, None, :, None]
    return {
        "shares": shares,
        "together": ops.stack([row_together, column_together], axis=1),
        "counts": ops.stack([row_counts, column_counts], axis=1),
    }


def _bins(mask: Any, batch: Any, length: Any) -> tuple[Any, Any, Any]:
    """Which row or column of a pattern each position is in, float32 [batch, positions, bins]; of how many each is; how many."""
    real = ops.ones((batch, length), dtype="bool") if mask is None else ops.cast(mask, "bool")
    count = ops.sum(ops.cast(real, "int32"), axis=1)
    together = ops.maximum((count + MOST_POSITIONS - 1) // MOST_POSITIONS, 1)
    number = (ops.cumsum(ops.cast(real, "int32"), axis=1) - 1) // together[:, None]
    most = min(length, MOST_POSITIONS) if isinstance(length, int) else ops.minimum(length, MOST_POSITIONS)
    inside = ops.equal(number[:, :, None], ops.arange(most, dtype="int32"))
    inside = ops.logical_and(inside, real[:, :, None])
    return ops.cast(inside, "float32"), together, (count + together - 1) // together


def _by_positions(read: Callable[[Any, Any], Any], call: AttentionCall, rows: Any) -> Any:
    """What `read(shares, positions)` gives of all positions that look, [batch, heads, positions, values].

    Of many positions it is called for some at a time, so that their number alone is not squared in memory.
    """
    everywhere = ops.arange(rows, dtype="int32")
    if call.weights is not None:
        return read(ops.cast(call.weights, "float32"), everywhere)
    query, key = (ops.transpose(ops.cast(each, "float32"), (0, 2, 1, 3)) for each in (call.query, call.key))
    key = ops.transpose(key, (0, 1, 3, 2))
    columns = _columns(call)
    mask = None if call.mask is None else ops.cast(call.mask, "bool")

    def shares(query: Any, positions: Any, mask: Any) -> Any:
        scores = ops.matmul(query * call.scale, key)
        if call.causal:
            scores = ops.where(positions[:, None] < ops.arange(columns, dtype="int32"), _MASKED, scores)
        if mask is not None:
            scores = ops.where(mask, scores, _MASKED)
        # Keras warns of a softmax over a single score.
        return ops.ones_like(scores) if isinstance(columns, int) and columns == 1 else ops.softmax(scores, axis=-1)

    most = _AT_ONCE // query.shape[1]
    if isinstance(rows, int) and isinstance(columns, int):
        size: Any = max(1, min(rows, most // columns))
        if size == rows:
            return read(shares(query, everywhere, mask), everywhere)
    else:
        size = ops.maximum(1, ops.minimum(rows, most // columns))
    pieces = (rows + size - 1) // size
    # The last piece is filled up with the last position.
    filled = ops.minimum(ops.arange(pieces * size, dtype="int32"), rows - 1)

    def cut(tensor: Any) -> Any:
        """[batch, heads, positions, ...] as [pieces, batch, heads, size, ...]."""
        sizes = ops.shape(tensor)
        parts = ops.reshape(ops.take(tensor, filled, axis=2), (*sizes[:2], pieces, size, sizes[3]))
        return ops.moveaxis(parts, 2, 0)

    by_row = mask is not None and mask.shape[2] != 1
    parts = {"query": cut(query), "positions": ops.reshape(filled, (pieces, size))}
    parts |= {"mask": cut(mask)} if by_row else {}

    def piece(part: dict[str, Any]) -> Any:
        return read(shares(part["query"], part["positions"], part["mask"] if by_row else mask), part["positions"])

    found = ops.moveaxis(ops.map(piece, parts), 0, 2)
    batch, heads, *_, values = ops.shape(found)
    return ops.take(ops.reshape(found, (batch, heads, pieces * size, values)), everywhere, axis=2)


def _target(name: str, positions: Any, mask: Any, columns: Any) -> tuple[Any, Any]:
    """The position that each of these is asked about, and whether there is one: [batch or 1, positions]."""
    yes = ops.ones_like(positions, dtype="bool")[None]
    if name == "first":
        first = ops.zeros_like(positions)[None]
        return (
            first if mask is None else first + ops.cast(ops.argmax(ops.cast(mask, "int32"), axis=1), "int32")[:, None]
        ), yes
    own = ops.minimum(positions, columns - 1)[None]
    if name == "self":
        return own, yes
    if mask is None:
        return ops.maximum(own - 1, 0), own > 0
    number = ops.take(ops.cumsum(ops.cast(mask, "int32"), axis=1), own[0], axis=1) - 2
    order = real_first(ops, ops.cast(mask, "bool"))
    return ops.take_along_axis(order, ops.maximum(number, 0), axis=1), number >= 0


def _entropy(shares: Any) -> Any:
    """In bits, over the last axis."""
    return -ops.sum(shares * ops.log2(ops.maximum(shares, 1e-30)), axis=-1)


def _length(tensor: Any, axis: int) -> Any:
    size = tensor.shape[axis]
    return ops.shape(tensor)[axis] if size is None else int(size)


def _columns(call: AttentionCall) -> Any:
    return _length(call.weights, 3) if call.weights is not None else _length(call.key, 1)
