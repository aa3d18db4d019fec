"""Parses and compiles expressions for subsets: Python's syntax over columns, compiled to `pyarrow.compute`, never run as Python.

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
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tensorboard_activis.errors import ExpressionError
from tensorboard_activis.expression.compiler import MAX_DEPTH, Compiler
from tensorboard_activis.expression.evaluation import Check, Compiled, Evaluation, NeuronValues
from tensorboard_activis.expression.limits import check_length

_PARSE_LOCK = threading.Lock()

#: Operators of other languages: a pattern, the operator, and what it is here.
_ELSEWHERE = (
    (r"&&", "&&", "and"),
    (r"\|\|", "||", "or"),
    (r"!(?!=)", "!", "not"),
    (r"===", "===", "=="),
    (r"(?<![=!<>])=(?!=)", "=", "=="),
    (r"`", "`…`", 'col("…")'),
)


class Predicate:
    """A compiled subset expression.

    Attributes:
        text: the expression as it was written.
        columns: the names of the columns it reads, in order of appearance.
        neurons: the (layer, index) pairs it reads.
    """

    def __init__(
        self,
        text: str,
        tree: ast.expr,
        offset: int,
        neurons: bool,
        first: Compiled,
        columns: Mapping[str, pa.DataType] | None,
    ) -> None:
        self.text = text
        self.columns: tuple[str, ...] = first.columns
        self.neurons: tuple[tuple[str, int], ...] = first.neurons
        self._tree = tree
        self._offset = offset
        self._allow_neurons = neurons
        self._bound: tuple[tuple[object, ...], Compiled] | None = None
        if columns is not None:
            self._bound = (tuple(columns.get(name) for name in self.columns), first)

    def mask(self, table: pa.Table, neurons: NeuronValues | None = None) -> np.ndarray:
        """Evaluates the expression over a table: a mask, bool [instances].

        Args:
            table: the columns, one line per instance.
            neurons: returns activations for `neuron(layer, index)`.

        Raises:
            ExpressionError: a column is missing, or has another type than the expression needs.
        """
        return self.evaluation(table, neurons).whole()

    def evaluation(
        self, table: pa.Table, neurons: NeuronValues | None = None, check: Check = lambda: None
    ) -> Evaluation:
        """An evaluation over a table, which computes the mask as a whole or in parts. `check` is called meanwhile."""
        return Evaluation(self._bind(table, check), table, neurons, check)

    def _bind(self, table: pa.Table, check: Check) -> Compiled:
        types = dict(zip(table.schema.names, table.schema.types, strict=True))
        key = tuple(types.get(name) for name in self.columns)
        if self._bound is None or self._bound[0] != key:
            compiler = Compiler(self.text, self._offset, types, neurons=self._allow_neurons, check=check)
            self._bound = (key, compiler.compile(self._tree))
        return self._bound[1]


def compile_expression(
    text: str, columns: Mapping[str, pa.DataType] | None, *, neurons: bool = False, check: Check = lambda: None
) -> Predicate:
    """Parses and compiles a subset expression.

    Arguments:
        text: the expression.
        columns: the types of the columns by name; None when they are not known yet: then names and types are
            checked by `Predicate.mask`.
        neurons: whether `neuron(layer, index)` is allowed: where activations of the sample are available.
        check: called regularly while a long expression is compiled; raises to stop it.

    Raises:
        ExpressionError: with the position of the error, what is allowed, and similar column names.
    """
    check_length(text)
    stripped = text.lstrip()
    offset = len(text) - len(stripped)
    if not stripped:
        raise ExpressionError('The expression is empty. Write for example: label == "8" and score < 0.5')
    tree = _parse(stripped.rstrip(), offset)
    check()
    compiler = Compiler(text, offset, columns, neurons=neurons, check=check)
    return Predicate(text, tree, offset, neurons, compiler.compile(tree), columns)


def _advice(text: str, place: int) -> str:
    """A sentence about an operator of another language that stands where the parser stopped; empty if there is none."""
    around = text[max(0, place - 2) : place + 3]
    return next(
        (f"Write {right} instead of {wrong}. " for sign, wrong, right in _ELSEWHERE if re.search(sign, around)), ""
    )


def _parse(text: str, offset: int) -> ast.expr:
    # Line ends are spaces here; "\d" in a pattern is no cause for a warning. Warning filters are global: one at a time.
    try:
        with _PARSE_LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(re.sub(r"[\r\n\f]", " ", text), mode="eval").body
    except SyntaxError as error:
        place = min((error.offset or len(text) + 1) - 1, len(text)) + offset
        raise ExpressionError(
            f"Not an expression at character {place + 1}: {error.msg}. {_advice(text, place - offset)}Write for example: "
            'label == "8" and score < 0.5, or col("my column") > 3',
            place,
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(
            f"The expression cannot be parsed: nested beyond {MAX_DEPTH} levels, or a null character in it.",
            offset,
        ) from error
