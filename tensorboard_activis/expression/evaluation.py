"""Evaluates a compiled expression over a table, as a whole or in parts that each take a short time."""

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

#: Activations of one neuron for every instance, in the order of the table: (layer, index) -> float [instances].
NeuronValues = Callable[[str, int], np.ndarray]
#: Called between parts of the work; raises to stop it.
Check = Callable[[], None]

#: Work of the first part, and the most of any part. A unit is one value of a simple operation, or one byte of a string for one
#: instruction of a pattern: between almost nothing and 6 ns, depending on the strings.
_FIRST_WORK, _MAX_WORK = 2_000_000, 1_000_000_000
#: CPU seconds that a part should take at least and at most; the size of the next parts is adapted.
_SHORT, _LONG = 0.01, 0.04
#: Slicing a column takes time in proportion to its chunks.
_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class TextStep:
    """A string function that is computed before the expression that uses it.

    Attributes:
        expression: the function.
        cost: work per byte.
        source: the column of repeated values that it reads, and nothing else: it is computed once for each of them.
    """

    expression: pc.Expression
    cost: int
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A pyarrow expression over fields `c0`… (columns), `n0`… (neurons), `u` (a uniform number per instance), `m0`… (whether
    the list in a column holds a value) and `s0`… (the steps, each of which may use those before it).

    Attributes:
        nodes: number of operations.
    """

    expression: pc.Expression
    columns: tuple[str, ...]
    neurons: tuple[tuple[str, int], ...]
    sampled: bool
    members: tuple[tuple[str, str | int], ...] = ()
    steps: tuple[TextStep, ...] = ()
    nodes: int = 1


class Evaluation:
    """Evaluates a compiled expression over one table.

    Args:
        compiled: the expression.
        table: the columns that it reads, one line per instance.
        neurons: activations for `neuron(layer, index)`; None when there are none.
        check: called between parts of the work; raises to stop it.

    Raises:
        ExpressionError: activations are needed and there are none.
    """

    def __init__(
        self, compiled: Compiled, table: pa.Table, neurons: NeuronValues | None, check: Check = lambda: None
    ) -> None:
        self._compiled = compiled
        self._length: int = table.num_rows
        self._part = _FIRST_WORK
        names = {*compiled.columns, *(name for name, _ in compiled.members), *(["id"] if compiled.sampled else [])}
        self._columns = {name: _compact(table.column(name)) for name in names}
        self._neurons: list[np.ndarray] = []
        for layer, index in compiled.neurons:
            if neurons is None:
                raise ExpressionError(f'neuron("{layer}", {index}) needs activations, and there are none here.')
            check()
            self._neurons.append(neurons(layer, index))

    def whole(self) -> np.ndarray:
        """Evaluates the expression for all instances on all cores: a mask, bool [instances]. Raises ExpressionError."""
        return self._filled(self._evaluate(self._fields(slice(0, self._length)), _scan, lambda: None))

    def part_mask(self, part: slice, check: Check) -> np.ndarray:
        """Evaluates the expression for some instances in this thread only: a mask, bool [part]. `check` is called between steps."""
        start = time.thread_time()
        mask = self._filled(self._evaluate(self._fields(part), _project, check))
        seconds = time.thread_time() - start
        if seconds < _SHORT:
            self._part = min(4 * self._part, _MAX_WORK)
        elif seconds > _LONG:
            self._part = max(self._part // 2, 1)
        return mask

    def parts(self) -> Iterator[slice]:
        """Divides the instances into parts that take a short time each, estimated from the parts before.

        Raises ExpressionError for a single string that takes too long by itself.
        """
        if self._most_work() <= self._part:
            yield from [slice(0, self._length)] if self._length else []
            return
        work = self._work()
        if work.size and work.max() > _MAX_WORK:
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

    def _most_work(self) -> int:
        """The work of all instances is no more than this, which is known without looking at each of them."""
        sizes = sum(_most_size(column) for column in self._columns.values())
        return self._length * self._compiled.nodes + sizes * self._cost

    def _work(self) -> np.ndarray:
        """Estimated work per instance, int64 [instances]."""
        work = np.full(self._length, self._compiled.nodes, np.int64)
        work += self._text_bytes() * self._cost
        return work

    @property
    def _cost(self) -> int:
        """Work per byte of text."""
        return max((step.cost for step in self._compiled.steps), default=1)

    def _text_bytes(self) -> np.ndarray:
        """Bytes of strings plus number of list values per instance, int64 [instances]."""
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
        fields |= {
            f"m{index}": list_contains(columns[name], value) for index, (name, value) in enumerate(compiled.members)
        }
        return pa.table(fields)

    def _evaluate(
        self, fields: pa.Table, compute: Callable[[pa.Table, pc.Expression], pa.ChunkedArray], check: Check
    ) -> pa.ChunkedArray:
        repeated: dict[str, _RepeatedValues] = {}
        try:
            for index, step in enumerate(self._compiled.steps):
                check()
                if step.source is not None and step.source not in repeated:
                    field = f"c{self._compiled.columns.index(step.source)}"
                    repeated[step.source] = _RepeatedValues(field, fields.column(field))
                values = None if step.source is None else repeated[step.source]
                if values is not None and values.is_worthwhile:
                    computed = values.append(f"s{index}", step.expression, compute)
                else:
                    computed = compute(fields, step.expression)
                fields = fields.append_column(f"s{index}", computed)
            check()
            return compute(fields, self._compiled.expression)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise ExpressionError(f"This expression cannot be computed: {error!s:.600}") from error

    @staticmethod
    def _filled(column: pa.ChunkedArray) -> np.ndarray:
        return np.asarray(pc.fill_null(column, False).to_numpy(), dtype=np.bool_)


class _RepeatedValues:
    """The values of a column that many instances share, with what is computed of each of them."""

    def __init__(self, field: str, column: pa.ChunkedArray) -> None:
        whole = column.unify_dictionaries()
        self._indices = pa.chunked_array([chunk.indices for chunk in whole.chunks], whole.type.index_type)
        values = whole.chunk(0).dictionary if whole.num_chunks else pa.array([], whole.type.value_type)
        self._table = pa.table({field: values})
        self.is_worthwhile = len(values) < len(column)

    def append(
        self, name: str, expression: pc.Expression, compute: Callable[[pa.Table, pc.Expression], pa.ChunkedArray]
    ) -> pa.ChunkedArray:
        """Computes an expression once for each value; returns it for each instance, texts as a dictionary."""
        values = compute(self._table, expression).combine_chunks()
        self._table = self._table.append_column(name, values)
        if not _is_text(values.type):
            return values.take(self._indices)
        return pa.chunked_array([pa.DictionaryArray.from_arrays(part, values) for part in self._indices.chunks])


def _scan(table: pa.Table, expression: pc.Expression) -> pa.ChunkedArray:
    """Computes an expression with all cores."""
    return ds.dataset(table).scanner(columns={"value": expression}).to_table().column("value")


def _project(table: pa.Table, expression: pc.Expression) -> pa.ChunkedArray:
    """Computes an expression in this thread, with a fifth of the overhead of `_scan`."""
    source = acero.Declaration("table_source", acero.TableSourceNodeOptions(table))
    project = acero.Declaration("project", acero.ProjectNodeOptions([expression], ["value"]), [source])
    return project.to_table(use_threads=False).column("value")


def _compact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.num_chunks <= _CHUNKS:
        return column
    compact = column.combine_chunks()
    return compact if isinstance(compact, pa.ChunkedArray) else pa.chunked_array([compact])


def _sizes(column: pa.ChunkedArray) -> np.ndarray:
    """Bytes of strings, number of values of lists, 0 for anything else, int64 [instances]."""
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


def _most_size(column: pa.ChunkedArray) -> int:
    """The sum of `_sizes` is no more than this."""
    if pa.types.is_list(column.type):
        return sum(len(chunk.values) for chunk in column.chunks)
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    if not _is_text(column.type.value_type):
        return 0
    longest = (pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0 for chunk in column.chunks)
    return len(column) * max(longest, default=0)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def uniform(ids: pa.ChunkedArray) -> np.ndarray:
    """Hashes instance ids to numbers in [0, 1), float64 [instances]: the same at every step and in every run.

    The hash differs from the one that selects the sample; otherwise `sampled(0.1)` would be all of a sample of a tenth.
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


def list_contains(lists: pa.ChunkedArray, value: str | int) -> pa.Array:
    """Whether the list of each instance contains a value, bool [instances]; null where the list is missing."""
    whole = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    offsets = whole.offsets.to_numpy().astype(np.int64)
    ends = offsets - offsets[0]
    values = whole.values.slice(int(offsets[0]), int(ends[-1]))
    equal = pc.fill_null(pc.equal(values, pa.scalar(value, whole.type.value_type)), False)
    before = np.concatenate([[0], np.cumsum(equal.to_numpy(zero_copy_only=False), dtype=np.int64)])
    return pa.array(before[ends[1:]] > before[ends[:-1]], mask=whole.is_null().to_numpy(zero_copy_only=False))
