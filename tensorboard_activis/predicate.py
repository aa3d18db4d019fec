"""The language of subsets: a Python expression over columns, compiled to `pyarrow.compute`, never evaluated as Python.

    label == "HUM" and "who" in text and score < 0.5
    length > 20 or matches(text, "^how (many|much)")
    col("my column").isin(["a", "b"]) and not correct

A missing value (null or NaN) makes a comparison unknown, as in SQL: `and`, `or`, `not` carry that on, and an instance
for which the whole is unknown is not in the subset.
"""

import ast
import re
import threading
import warnings
import zlib
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from tensorboard_activis.errors import ExpressionError
from tensorboard_activis.expression import MAX_DEPTH, MAX_LIST, Compiled, Compiler

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "MAX_LIST", "NeuronValues", "Predicate", "compile_expression"]

#: Characters of an expression, those inside of `[…]` not counted: lists of ids are long, and limited by MAX_LIST.
MAX_LENGTH = 4096
_MAX_TEXT = 300_000

#: Values of one neuron for every instance, in row order: (layer, index) -> float [instances].
NeuronValues = Callable[[str, int], np.ndarray]

# Inside of brackets nothing counts, but brackets in quotes do not open or close.
_TOKEN = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\[\]]""", re.DOTALL)
_PARSE_LOCK = threading.Lock()


class Predicate:
    """A compiled subset expression.

    Attributes:
        text: the expression as it was written.
        columns: the names of the columns it reads, in order of appearance.
        neurons: the (layer, index) pairs it reads.
    """

    def __init__(self, text: str, tree: ast.expr, offset: int, neurons: bool, first: Compiled) -> None:
        self.text = text
        self.columns: tuple[str, ...] = first.columns
        self.neurons: tuple[tuple[str, int], ...] = first.neurons
        self._tree = tree
        self._offset = offset
        self._allow_neurons = neurons
        self._bound: tuple[tuple[object, ...], Compiled] | None = None

    def mask(self, table: pa.Table, neurons: NeuronValues | None = None) -> np.ndarray:
        """Which rows of the table belong to the subset: bool [instances].

        `neurons` gives the values for `neuron(layer, index)`. Raises ExpressionError when a column is missing or of
        another type than the expression needs.
        """
        compiled = self._bind(table)
        names = ["row"]
        arrays: list[object] = [pa.nulls(table.num_rows, pa.bool_())]  # a table without columns would have no rows
        for position, name in enumerate(compiled.columns):
            names.append(f"c{position}")
            arrays.append(table.column(name))
        for position, (layer, index) in enumerate(compiled.neurons):
            if neurons is None:
                raise ExpressionError(f'neuron("{layer}", {index}) needs activations, and there are none here.')
            names.append(f"n{position}")
            arrays.append(pa.array(np.asarray(neurons(layer, index), dtype=np.float32)))
        if compiled.sampled:
            names.append("u")
            arrays.append(pa.array(uniform(table.column("id"))))
        for position, (name, value) in enumerate(compiled.members):
            names.append(f"m{position}")
            arrays.append(holds(table.column(name), value))
        source = ds.dataset(pa.table(arrays, names=names))
        try:
            column = source.scanner(columns={"mask": compiled.expression}).to_table().column("mask")
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise ExpressionError(f"This expression cannot be computed: {error}") from error
        filled = pc.fill_null(column, False)
        return np.asarray(filled.to_numpy(), dtype=np.bool_)

    def _bind(self, table: pa.Table) -> Compiled:
        types = {name: table.schema.field(name).type for name in table.schema.names}
        key = tuple(types.get(name) for name in self.columns)
        if self._bound is None or self._bound[0] != key:
            compiler = Compiler(self.text, self._offset, types, neurons=self._allow_neurons)
            self._bound = (key, compiler.compile(self._tree))
        return self._bound[1]


def compile_expression(text: str, columns: Mapping[str, pa.DataType] | None, *, neurons: bool = False) -> Predicate:
    """Compile a subset expression.

    Arguments:
        text: the expression.
        columns: the columns there are, with their types; None when they are not known yet: then names and types are
            checked by `Predicate.mask`.
        neurons: whether `neuron(layer, index)` is allowed: where activations of the sample are at hand.

    Raises ExpressionError, with the position of what is wrong, what is allowed and near column names.
    """
    if len(text) > _MAX_TEXT or _length(text) > MAX_LENGTH:
        raise ExpressionError(
            f"The expression is too long: at most {MAX_LENGTH:,} characters besides lists. Use a shorter one."
        )
    stripped = text.lstrip()
    offset = len(text) - len(stripped)
    if not stripped:
        raise ExpressionError('The expression is empty. Write for example: label == "8" and score < 0.5')
    tree = _parse(stripped.rstrip(), offset)
    compiler = Compiler(text, offset, columns, neurons=neurons)
    return Predicate(text, tree, offset, neurons, compiler.compile(tree))


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
    fractions: np.ndarray = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return fractions


def holds(lists: pa.ChunkedArray, value: str | int) -> pa.Array:
    """bool [instances]: whether the list of each holds this value; null where it is missing."""
    whole = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    ends = whole.offsets.to_numpy().astype(np.int64)
    equal = pc.fill_null(pc.equal(whole.values, pa.scalar(value, whole.type.value_type)), False)
    before = np.concatenate([[0], np.cumsum(equal.to_numpy(zero_copy_only=False), dtype=np.int64)])
    return pa.array(before[ends[1:]] > before[ends[:-1]], mask=whole.is_null().to_numpy(zero_copy_only=False))


def _length(text: str) -> int:
    length = len(text)
    depth = 0
    start = 0
    for token in _TOKEN.finditer(text):
        if token[0] == "[":
            start = token.end() if depth == 0 else start
            depth += 1
        elif token[0] == "]" and depth > 0:
            depth -= 1
            length -= token.start() - start if depth == 0 else 0
    return length


def _parse(text: str, offset: int) -> ast.expr:
    # Line ends are spaces here; "\d" in a pattern is no cause for a warning. Warning filters are global: one at a time.
    try:
        with _PARSE_LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(re.sub(r"[\r\n\f]", " ", text), mode="eval").body
    except SyntaxError as error:
        place = min((error.offset or len(text) + 1) - 1, len(text)) + offset
        raise ExpressionError(
            f'Not an expression at character {place + 1}: {error.msg}. Write for example: label == "8" and score < 0.5',
            place,
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(
            f"The expression cannot be parsed: nested beyond {MAX_DEPTH} levels, or a null character in it.",
            offset,
        ) from error
