"""The declared subsets: all, one per class, correct and wrong where that has a meaning, then the user's own."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.errors import ConfigurationError, ExpressionError
from tensorboard_activis.predicate import Predicate, compile_expression

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
    """Finds the members of every declared subset in each batch, and counts them."""

    def __init__(self, task: str, classes: int, class_names: Sequence[str] | None, user: Mapping[str, str]) -> None:
        self._kinds = [("all", "all", "")]
        self._classes = 0
        self._judged = task == "classification"
        if self._judged:
            self._classes = min(classes, MOST_CLASSES)
            for index in range(self._classes):
                value: str | int = index if class_names is None else class_names[index]
                self._kinds.append((str(value), "class", f"label == {quoted(value)}"))
            self._kinds += [("correct", "correct", "correct"), ("wrong", "wrong", "not correct")]
        self._kinds += [(name, "user", expression) for name, expression in user.items()]
        self._user = user
        self._predicates: list[Predicate] | None = None
        self._counts = np.zeros(len(self._kinds), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._kinds)

    def members(self, table: pa.Table, label: np.ndarray | None, correct: np.ndarray | None) -> list[np.ndarray]:
        """Positions of each subset's instances in a batch.

        Args:
            table: the batch's columns, for the user's expressions.
            label: class indices [instances], -1 without; correct: uint8 [instances].

        Raises:
            ExpressionError: an expression does not fit the columns that there are.
        """
        found = [np.arange(table.num_rows)]
        if self._judged:
            if label is None:
                found += [np.zeros(0, np.int64)] * (self._classes + 2)
            else:
                order = np.argsort(label, kind="stable")
                bounds = np.searchsorted(label[order], np.arange(self._classes + 1))
                found += [order[start:end] for start, end in pairwise(bounds)]
                judged = np.zeros(0) if correct is None else correct
                found += [np.flatnonzero(judged == 1), np.flatnonzero(judged == 0)]
        if self._predicates is None:
            types = dict(zip(table.schema.names, table.schema.types, strict=True))
            self._predicates = [compile_expression(expression, types) for expression in self._user.values()]
        found += [np.flatnonzero(predicate.mask(table)) for predicate in self._predicates]
        self._counts += [rows.size for rows in found]
        return found

    def records(self) -> tuple[schema.Subset, ...]:
        """The subsets with the number of instances found so far."""
        return tuple(
            schema.Subset(name, kind, expression, int(count))
            for (name, kind, expression), count in zip(self._kinds, self._counts, strict=True)
        )


def quoted(value: str | int) -> str:
    """A literal of the subset language."""
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
