"""Evaluates a compiled expression over a table, as a whole or in parts of rows that each take a short time."""

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.acero as acero
import pyarrow.compute as pc
import pyarrow.dataset as ds

from tensorboard_activis.errors import ExpressionError

#: Values of one neuron for every instance, in row order: (layer, index) -> float [instances].
NeuronValues = Callable[[str, int], np.ndarray]
#: Called between parts of the work; raises when it is to end.
Check = Callable[[], None]

#: Work of the first part, and of any. A unit is one value of a simple operation, or one byte of a text for one instruction of a
#: pattern: between almost nothing and 6 ns, which depends on the texts.
_FIRST, _MOST = 2_000_000, 1_000_000_000
#: Seconds of the processor that a part should take: parts that take less are followed by larger ones.
_SHORT, _LONG = 0.01, 0.04
#: Slicing a column takes time in proportion to its chunks.
_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class TextStep:
    """A function of texts, computed before what it is part of. `cost`: work per byte."""

    expression: pc.Expression
    cost: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """A pyarrow expression over fields `c0`… (columns), `n0`… (neurons), `u` (a uniform number per instance), `m0`… (whether
    the list in a column holds a value) and `s0`… (the steps, each of which may use those before it).

    Attributes:
        nodes: how many operations there are.
    """

    expression: pc.Expression
    columns: tuple[str, ...]
    neurons: tuple[tuple[str, int], ...]
    sampled: bool
    members: tuple[tuple[str, str | int], ...] = ()
    steps: tuple[TextStep, ...] = ()
    nodes: int = 1


class Evaluation:
    """A compiled expression over one table.

    Raises ExpressionError when activations are needed and there are none.
    """

    def __init__(
        self, compiled: Compiled, table: pa.Table, neurons: NeuronValues | None, check: Check = lambda: None
    ) -> None:
        self._compiled = compiled
        self._length = table.num_rows
        self._part = _FIRST
        names = {*compiled.columns, *(name for name, _ in compiled.members), *(["id"] if compiled.sampled else [])}
        self._columns = {name: _compact(table.column(name)) for name in names}
        self._neurons: list[np.ndarray] = []
        for layer, index in compiled.neurons:
            if neurons is None:
                raise ExpressionError(f'neuron("{layer}", {index}) needs activations, and there are none here.')
            check()
            self._neurons.append(neurons(layer, index))

    def whole(self) -> np.ndarray:
        """For which rows the expression is true, bool [rows]. Raises ExpressionError."""
        return self._filled(self._evaluate(self._fields(slice(0, self._length)), _scan, lambda: None))

    def rows(self, part: slice, check: Check) -> np.ndarray:
        """The same for some of the rows, by this thread alone, with `check` called between the steps."""
        begun = time.thread_time()
        mask = self._filled(self._evaluate(self._fields(part), _project, check))
        taken = time.thread_time() - begun
        if taken < _SHORT:
            self._part = min(4 * self._part, _MOST)
        elif taken > _LONG:
            self._part = max(self._part // 2, 1)
        return mask

    def parts(self) -> Iterator[slice]:
        """All rows in parts that take a short time each, as far as those before them show.

        Raises ExpressionError for a text that is too long for that by itself.
        """
        work = self._work()
        if work.size and work.max() > _MOST:
            raise ExpressionError(
                f"A text of these instances is too long for this expression: {self._text_bytes().max():,} bytes. "
                "Use shorter or fewer patterns, or contains instead of matches."
            )
        ends = np.cumsum(work)
        start = 0
        while start < self._length:
            before = int(ends[start - 1]) if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + self._part, "right")))
            yield slice(start, stop)
            start = stop

    def _work(self) -> np.ndarray:
        """Work per row, int64 [rows]."""
        work = np.full(self._length, self._compiled.nodes, np.int64)
        work += self._text_bytes() * max((step.cost for step in self._compiled.steps), default=1)
        return work

    def _text_bytes(self) -> np.ndarray:
        """Bytes of texts and values of lists, int64 [rows]."""
        sizes = np.zeros(self._length, np.int64)
        for column in self._columns.values():
            sizes += _sizes(column)
        return sizes

    def _fields(self, part: slice) -> pa.Table:
        count = part.stop - part.start
        columns = {name: column.slice(part.start, count) for name, column in self._columns.items()}
        compiled = self._compiled
        fields: dict[str, object] = {"row": pa.nulls(count, pa.bool_())}  # a table without columns would have no rows
        fields |= {f"c{position}": columns[name] for position, name in enumerate(compiled.columns)}
        fields |= {
            f"n{position}": pa.array(np.asarray(values[part], dtype=np.float32))
            for position, values in enumerate(self._neurons)
        }
        if compiled.sampled:
            fields["u"] = pa.array(uniform(columns["id"]))
        fields |= {f"m{index}": holds(columns[name], value) for index, (name, value) in enumerate(compiled.members)}
        return pa.table(fields)

    def _evaluate(
        self, fields: pa.Table, compute: Callable[[pa.Table, pc.Expression], pa.ChunkedArray], check: Check
    ) -> pa.ChunkedArray:
        try:
            for index, step in enumerate(self._compiled.steps):
                check()
                fields = fields.append_column(f"s{index}", compute(fields, step.expression))
            check()
            return compute(fields, self._compiled.expression)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise ExpressionError(f"This expression cannot be computed: {error!s:.600}") from error

    @staticmethod
    def _filled(column: pa.ChunkedArray) -> np.ndarray:
        return np.asarray(pc.fill_null(column, False).to_numpy(), dtype=np.bool_)


def _scan(table: pa.Table, expression: pc.Expression) -> pa.ChunkedArray:
    """By all processors."""
    return ds.dataset(table).scanner(columns={"value": expression}).to_table().column("value")


def _project(table: pa.Table, expression: pc.Expression) -> pa.ChunkedArray:
    """By this thread, and with a fifth of the effort that goes before."""
    source = acero.Declaration("table_source", acero.TableSourceNodeOptions(table))
    project = acero.Declaration("project", acero.ProjectNodeOptions([expression], ["value"]), [source])
    return project.to_table(use_threads=False).column("value")


def _compact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.num_chunks <= _CHUNKS:
        return column
    compact = column.combine_chunks()
    return compact if isinstance(compact, pa.ChunkedArray) else pa.chunked_array([compact])


def _sizes(column: pa.ChunkedArray) -> np.ndarray:
    """Bytes of texts, values of lists, 0 for anything else, int64 [rows]."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        if not _is_text(kind.value_type):
            return np.zeros(len(column), np.int64)
        chunks = [pc.binary_length(chunk.dictionary).take(chunk.indices) for chunk in column.chunks]
        lengths = pa.chunked_array(chunks, pa.int32()) if chunks else pa.chunked_array([], pa.int32())
    elif _is_text(kind):
        lengths = pc.binary_length(column)
    elif pa.types.is_list(kind):
        lengths = pc.list_value_length(column)
    else:
        return np.zeros(len(column), np.int64)
    return np.asarray(pc.fill_null(lengths, 0).to_numpy()).astype(np.int64)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def uniform(ids: pa.ChunkedArray) -> np.ndarray:
    """A number in [0, 1) for every id, float64 [instances]: the same at every step and in every run.

    Another hash than the one that ranks instances, or `sampled(0.1)` would be the whole of a sample of a tenth.
    """
    if pa.types.is_integer(ids.type):
        bits = ids.to_numpy().astype(np.uint64)
    else:
        encoded = (str(text).encode() for text in ids.to_pylist())
        bits = np.fromiter(
            (zlib.crc32(text) | zlib.crc32(text, 1) << 32 for text in encoded), dtype=np.uint64, count=len(ids)
        )
    bits = bits + np.uint64(0xD1B54A32D192ED03)  # splitmix64's finaliser, from another start
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    shares: np.ndarray = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return shares


def holds(lists: pa.ChunkedArray, value: str | int) -> pa.Array:
    """bool [instances]: whether the list of each holds this value; null where it is missing."""
    whole = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    offsets = whole.offsets.to_numpy().astype(np.int64)
    ends = offsets - offsets[0]
    values = whole.values.slice(int(offsets[0]), int(ends[-1]))
    equal = pc.fill_null(pc.equal(values, pa.scalar(value, whole.type.value_type)), False)
    before = np.concatenate([[0], np.cumsum(equal.to_numpy(zero_copy_only=False), dtype=np.int64)])
    return pa.array(before[ends[1:]] > before[ends[:-1]], mask=whole.is_null().to_numpy(zero_copy_only=False))
