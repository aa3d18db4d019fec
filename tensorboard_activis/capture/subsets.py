"""The declared subsets: all, one per class, correct and wrong where that has a meaning, then the user's own."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.errors import ConfigurationError, ExpressionError
from tensorboard_activis.predicate import Predicate, compile_expression
from tensorboard_activis.printable import visible

#: Classes beyond these have no subset of their own: a vocabulary of 50,000 words is no set of classes to compare.
MOST_CLASSES = 1_000


def check_expressions(subsets: Mapping[str, str]) -> None:
    """Checks what can be checked before any data is seen.

    Raises:
        ConfigurationError: an expression is not in the language.
    """
    for name, expression in subsets.items():
        try:
            compile_expression(expression, None)
        except ExpressionError as error:
            raise ConfigurationError(f"The subset {name!r} has a wrong expression: {error}") from error


class Subsets:
    """Finds the members of every declared subset in each batch, and counts them.

    Arguments:
        classes: number of classes, 0 without.
        class_names: as in every callback.
        user: the user's own, name -> expression.
        judged: whether instances are right or wrong.
        several: whether an instance may belong to several classes.
    """

    def __init__(
        self,
        classes: int,
        class_names: Sequence[str] | None,
        user: Mapping[str, str],
        *,
        judged: bool = False,
        several: bool = False,
    ) -> None:
        self._kinds = [("all", "all", "")]
        self._classes = min(classes, MOST_CLASSES)
        self._judged = judged
        for index in range(self._classes):
            value: str | int = index if class_names is None else class_names[index]
            expression = f"{quoted(value)} in label" if several else f"label == {quoted(value)}"
            self._kinds.append((str(value), "class", expression))
        if judged:
            self._kinds += [("correct", "correct", "correct"), ("wrong", "wrong", "not correct")]
        self._kinds += [(name, "user", expression) for name, expression in user.items()]
        self._user = user
        self._predicates: list[Predicate] | None = None
        self.counts = np.zeros(len(self._kinds), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._kinds)

    def members(self, table: pa.Table, classes: np.ndarray | None, correct: np.ndarray | None) -> list[np.ndarray]:
        """Positions of each subset's instances in a batch.

        Args:
            table: the batch's columns, for the user's expressions.
            classes: int [instances], -1 for none, or bool [instances, classes]; correct: uint8 [instances].

        Raises:
            ExpressionError: an expression does not fit the columns that there are.
        """
        found = [np.arange(table.num_rows)]
        if self._classes:
            found += _by_class(classes, self._classes)
        if self._judged:
            judged = np.zeros(0) if correct is None else correct
            found += [np.flatnonzero(judged == 1), np.flatnonzero(judged == 0)]
        if self._predicates is None:
            types = dict(zip(table.schema.names, table.schema.types, strict=True))
            self._predicates = [compile_expression(expression, types) for expression in self._user.values()]
        found += [np.flatnonzero(predicate.mask(table)) for predicate in self._predicates]
        self.counts += [rows.size for rows in found]
        return found

    def records(self) -> tuple[schema.Subset, ...]:
        """The subsets with the number of instances found so far."""
        return tuple(
            schema.Subset(name, kind, expression, int(count))
            for (name, kind, expression), count in zip(self._kinds, self.counts, strict=True)
        )


def _by_class(members: np.ndarray | None, classes: int) -> list[np.ndarray]:
    if members is None:
        return [np.zeros(0, np.int64)] * classes
    if members.ndim == 2:
        index, rows = np.nonzero(members[:, :classes].T)
    else:
        rows = np.argsort(members, kind="stable")
        index = members[rows]
    bounds = np.searchsorted(index, np.arange(classes + 1))
    return [rows[start:end] for start, end in pairwise(bounds)]


def quoted(value: str | int) -> str:
    """A literal of the subset language: what is not to be seen is written as an escape, which it reads as Python does."""
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(escaped)}"'
