"""Declared subsets: all, one per class, correct and wrong (if instances are), and those of `subsets=`."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.errors import ConfigurationError, ExpressionError
from tensorboard_activis.expression.predicate import Predicate, compile_expression
from tensorboard_activis.expression.writing import quoted
from tensorboard_activis.summarize.membership import Membership

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

    def membership(
        self,
        instances: int,
        classes: np.ndarray | None,
        correct: np.ndarray | None,
        columns: Callable[[], pa.Table],
    ) -> Membership:
        """Which instances of a batch are in which subset.

        Args:
            instances: how many the batch has.
            classes: int [instances], -1 for none, or bool [instances, classes]; correct: uint8 [instances].
            columns: makes the table of the batch's columns, if there are expressions of the user's.

        Raises:
            ExpressionError: an expression names a column that does not exist, or does not fit its type.
        """
        parts = [(0, np.arange(instances))]
        after = 1 + self._classes
        if self._judged:
            judged = np.zeros(0) if correct is None else correct
            parts += [(after, np.flatnonzero(judged == 1)), (after + 1, np.flatnonzero(judged == 0))]
            after += 2
        if self._user:
            parts += [(after + number, rows) for number, rows in enumerate(self._rows_of_user(columns()))]
        subset, instance = _by_class(classes, self._classes)
        subset = np.concatenate([subset + 1, *(np.full(rows.size, number) for number, rows in parts)])
        membership = Membership(subset, np.concatenate([instance, *(rows for _, rows in parts)]), len(self), instances)
        self.counts += membership.sizes()
        return membership

    def _rows_of_user(self, table: pa.Table) -> list[np.ndarray]:
        """The instances of a batch that are in each of the user's subsets."""
        if self._predicates is None:
            types = dict(zip(table.schema.names, table.schema.types, strict=True))
            self._predicates = [compile_expression(expression, types) for expression in self._user.values()]
        return [np.flatnonzero(predicate.mask(table)) for predicate in self._predicates]

    def records(self) -> tuple[schema.Subset, ...]:
        """The subsets as records, with their number of instances so far."""
        return tuple(
            schema.Subset(name, kind, expression, int(count))
            for (name, kind, expression), count in zip(self._kinds, self.counts, strict=True)
        )


def _by_class(members: np.ndarray | None, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a class and an instance that is of it, for the first `classes` classes."""
    if members is None:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    if members.ndim == 2:
        class_of_instance, instances = np.nonzero(members[:, :classes].T)
        return class_of_instance, instances
    instances = np.flatnonzero((members >= 0) & (members < classes))
    return members[instances].astype(np.intp), instances
