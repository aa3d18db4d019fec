"""Declared subsets: their names, and their members in batches of any size."""

import numpy as np
import pyarrow as pa
import pytest

from tensorboard_activis.capture.subsets import MOST_CLASSES, Subsets
from tensorboard_activis.errors import ExpressionError
from tensorboard_activis.expression.writing import quoted


def test_members_and_counts_over_batches() -> None:
    subsets = Subsets(3, ["ant", "bee", "cat"], {"low": "score < 0.5"}, judged=True)
    table = pa.table({"score": [0.1, 0.9, 0.4, 0.6]})
    members = subsets.membership(4, np.array([2, 0, -1, 2]), np.array([1, 0, 255, 0]), lambda: table)
    assert [rows.tolist() for rows in members.lists()] == [[0, 1, 2, 3], [1], [], [0, 3], [0], [1, 3], [0, 2]]
    subsets.membership(1, np.array([1]), np.array([1]), lambda: table[:1])
    assert [(s.name, s.kind, s.expression, s.count) for s in subsets.records()] == [
        ("all", "all", "", 5),
        ("ant", "class", 'label == "ant"', 1),
        ("bee", "class", 'label == "bee"', 1),
        ("cat", "class", 'label == "cat"', 2),
        ("correct", "correct", "correct", 2),
        ("wrong", "wrong", "not correct", 2),
        ("low", "user", "score < 0.5", 3),
    ]


def test_without_names_classes_are_numbers() -> None:
    records = Subsets(2, None, {}).records()
    assert [(s.name, s.expression) for s in records[1:3]] == [("0", "label == 0"), ("1", "label == 1")]


def test_without_classes_there_is_all_alone() -> None:
    assert [s.name for s in Subsets(0, None, {}).records()] == ["all"]


def test_a_vocabulary_does_not_become_as_many_subsets() -> None:
    assert len(Subsets(50_000, None, {}, judged=True)) == MOST_CLASSES + 3


def test_an_expression_over_a_column_that_is_not_there() -> None:
    subsets = Subsets(0, None, {"x": "lenght > 3"})
    with pytest.raises(ExpressionError, match="length"):
        subsets.membership(1, None, None, lambda: pa.table({"length": [1]}))


@pytest.mark.parametrize("name", ["plain", 'with "quotes"', "back\\slash", "line\nbreak", "ünïcode", "{x}"])
def test_the_expression_of_a_class_finds_its_class(name: str) -> None:
    subsets = Subsets(0, None, {"x": f"label == {quoted(name)}"})
    membership = subsets.membership(2, None, None, lambda: pa.table({"label": ["other", name]}))
    assert membership.lists()[1].tolist() == [1]
