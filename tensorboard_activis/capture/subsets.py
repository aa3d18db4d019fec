"""Declared subsets: all, one per class, correct and wrong (if instances are), and those of `subsets=`."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.errors import ConfigurationError, ExpressionError
from tensorboard_activis.expression.predicate import Predicate, compile_expression
from tensorboard_activis.printable import visible

#: At most this many classes have a subset each: a vocabulary of 50,000 words is too many to compare.
MOST_CLASSES = 1_000


def check_expressions(subsets: Mapping[str, str]) -> None:
    """Checks the syntax of the user's subset expressions, before there are data.

    Raises:
        ConfigurationError: an expression is not in the language.
    """
    for name, expression in subsets.items():
        try:
            compile_expression(expression, None)
        except ExpressionError as error:
            raise ConfigurationError(f"The subset {name!r} has a wrong expression: {error}") from error


class Subsets:
    """Determines which instances of each batch belong to each declared subset, and counts them.

    Arguments:
        classes: number of classes; 0 without classes.
        class_names: as in every callback.
        user: the user's subsets, name -> expression.
        judged: whether instances are correct or wrong.
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
        """Indices of each subset's instances in a batch, one int array per subset.

        Args:
            table: the batch's columns, for the user's expressions.
            classes: int [instances], -1 for none, or bool [instances, classes]; correct: uint8 [instances].

        Raises:
            ExpressionError: an expression names a column that does not exist, or does not fit its type.
        """
        members = [np.arange(table.num_rows)]
        if self._classes:
            members += _by_class(classes, self._classes)
        if self._judged:
            judged = np.zeros(0) if correct is None else correct
            members += [np.flatnonzero(judged == 1), np.flatnonzero(judged == 0)]
        if self._predicates is None:
            types = dict(zip(table.schema.names, table.schema.types, strict=True))
            self._predicates = [compile_expression(expression, types) for expression in self._user.values()]
        members += [np.flatnonzero(predicate.mask(table)) for predicate in self._predicates]
        self.counts += [indices.size for indices in members]
        return members

    def records(self) -> tuple[schema.Subset, ...]:
        """The subsets as records, with their number of instances so far."""
        return tuple(
            schema.Subset(name, kind, expression, int(count))
            for (name, kind, expression), count in zip(self._kinds, self.counts, strict=True)
        )


def _by_class(members: np.ndarray | None, classes: int) -> list[np.ndarray]:
    if members is None:
        return [np.zeros(0, np.int64)] * classes
    if members.ndim == 2:
        class_of_instance, instances = np.nonzero(members[:, :classes].T)
    else:
        instances = np.argsort(members, kind="stable")
        class_of_instance = members[instances]
    bounds = np.searchsorted(class_of_instance, np.arange(classes + 1))
    return [instances[start:end] for start, end in pairwise(bounds)]


def quoted(value: str | int) -> str:
    """A class as a literal of the expression language; invisible characters are escaped as in Python."""
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(escaped)}"'
