"""Columns of lists in the subset language: what an instance with several labels holds."""

import pyarrow as pa
import pytest

from tensorboard_activis.errors import ExpressionError
from tensorboard_activis.expression.predicate import compile_expression

LISTS = pa.table(
    {"label": [["ant", "bee"], [], None, ["bee"]], "codes": pa.array([[3, 1], [1], [2, 2], None], pa.list_(pa.int64()))}
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"bee" in label', [True, False, False, True]),
        ('"be" in label', [False] * 4),
        ('"bee" not in label', [False, True, False, False]),
        ('not ("bee" in label or "ant" in label)', [False, True, False, False]),
        ('contains(label, "ant")', [True, False, False, False]),
        ("1 in codes and 3 in codes", [True, False, False, False]),
        ("2 in codes", [False, False, True, False]),
        ("len(label) == 0", [False, True, False, False]),
        ("len(codes) > 1", [True, False, True, False]),
        ("isnull(label)", [False, False, True, False]),
        ("8 in label", [False] * 4),  # a class may be called "8"
    ],
)
def test_lists(expression: str, expected: list[bool]) -> None:
    types = dict(zip(LISTS.schema.names, LISTS.schema.types, strict=True))
    for known in (types, None):
        assert compile_expression(expression, known).mask(LISTS).tolist() == expected
    # The same for a part of a table.
    assert compile_expression(expression, types).mask(LISTS.slice(1, 2)).tolist() == expected[1:3]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('label == "ant"', r'label is a list and "ant" a text.*Write "ant" in label'),
        ("label", "label is a list, not true or false"),
        ('"x" in codes', 'codes holds whole numbers; got "x"'),
        ("1.5 in codes", "codes holds whole numbers; got 1.5"),
        ("label in [1]", "label is a list"),
        ("lower(label) == 1", "label is a list, where a text is needed"),
    ],
)
def test_lists_are_asked_for_what_they_hold(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        compile_expression(expression, dict(zip(LISTS.schema.names, LISTS.schema.types, strict=True)))
