"""User columns: kinds, missing values, and errors."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorboard_activis.capture.instances.user_columns import (
    MOST_COLUMNS,
    RESERVED,
    UserColumns,
    arrow,
    check_names,
    named_features,
)
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.expression.predicate import compile_expression
from tensorboard_activis.printable import printable


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        ([1, 2, 3], pa.int64(), [1, 2, 3]),
        (np.array([1, 2, 3], np.uint8), pa.int64(), [1, 2, 3]),
        ([1, None, 3], pa.float64(), [1, None, 3]),
        ([1.5, float("nan"), 3], pa.float64(), [1.5, None, 3]),
        (np.array([1, 2, 3], np.float16), pa.float64(), [1, 2, 3]),
        ([Decimal("1.5"), None, Decimal(2)], pa.float64(), [1.5, None, 2]),
        ([True, False, True], pa.bool_(), [True, False, True]),
        ([True, None, False], pa.bool_(), [True, None, False]),
        (["a", None, ""], pa.string(), ["a", None, ""]),
        (np.array(["a", "bc", ""]), pa.string(), ["a", "bc", ""]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), pa.string(), ["a", "b", "a"]),
        (pa.chunked_array([["a"], ["b", "a"]]), pa.string(), ["a", "b", "a"]),
        (["\ud800", "a", None], pa.string(), ["\\ud800", "a", None]),
        ([None, None, None], pa.null(), [None, None, None]),
    ],
)
def test_kinds(given: Any, kind: pa.DataType, expected: list[Any]) -> None:
    found = arrow(UserColumns().convert({"c": given}, 3)["c"])
    assert found.type == kind
    assert found.to_pylist() == expected


@given(st.lists(st.text(st.characters()) | st.none(), min_size=1, max_size=9))
def test_any_text_is_stored_and_found(texts: list[str | None]) -> None:
    found = arrow(UserColumns().convert({"c": texts}, len(texts))["c"])
    assert [text is None for text in found.to_pylist()] == [text is None for text in texts]
    for text, stored in zip(texts, found.to_pylist(), strict=True):
        assert text is None or stored == text or any("\ud800" <= character <= "\udfff" for character in text)
    if any(text is not None for text in texts):
        assert compile_expression("not isnull(c)", {"c": pa.string()}).mask(pa.table({"c": found})).sum() == sum(
            text is not None for text in texts
        )


def test_missing_values_first_decide_nothing() -> None:
    columns = UserColumns()
    columns.convert({"c": [None, None]}, 2)
    columns.convert({"c": ["a"]}, 1)
    with pytest.raises(ActiVisError, match="held texts at first; now there are numbers. Convert it to one"):
        columns.convert({"c": [1]}, 1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"c": [1, 2]}, "'c' needs 3 values, one for each instance; got 2"),
        ({"c": "abc"}, "got a str"),
        ({"c": 5}, "got a int"),
        ({"c": {"a": 1, "b": 2, "c": 3}}, "got a dict"),
        ({"c": np.zeros((3, 2))}, r"shape \(3, 2\)"),
        ({"c": [1, "a", None]}, "cannot be stored"),
        ({"c": [object()] * 3}, "cannot be stored"),
        ({"c": np.array([1, 2, 3], "m8[s]")}, "holds duration.*Convert it, to str"),
        ({"c": [[1], [2], [3]]}, "holds list"),
        ([1, 2, 3], "must map names to one value per instance"),
    ],
)
def test_what_does_not_fit(given: Any, message: str) -> None:
    with pytest.raises(ActiVisError, match=message):
        UserColumns().convert(given, 3)


@pytest.mark.parametrize("name", RESERVED)
def test_names_of_our_own(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{name}', which is a column of ActiVis's own. Choose another"):
        UserColumns().convert({name: [1]}, 1)


def test_more_columns_than_can_be_read_are_refused() -> None:
    columns = {f"c{index}": [index] for index in range(MOST_COLUMNS)}
    check_names(columns)
    with pytest.raises(ConfigurationError, match=r"columns has 10,001 columns; a run may have 10,000\."):
        check_names(columns | {"one": [1]})


def test_other_columns_than_before() -> None:
    columns = UserColumns()
    columns.convert({"a": [1], "b": [2]}, 1)
    with pytest.raises(
        ActiVisError, match="has the columns 'a', the ones before had 'a', 'b'. Give the same for every batch"
    ):
        columns.convert({"a": [1]}, 1)
    assert list(columns.convert({"a": [1]}, 1, partly=True)) == ["a"]
    with pytest.raises(ActiVisError, match="'a', 'x'"):
        columns.convert({"a": [1], "x": [1]}, 1, partly=True)


def test_named_inputs_with_one_number_per_instance_are_columns() -> None:
    inputs = {
        "age": np.array([[3], [4]]),
        "old": np.array([True, False]),
        "pixels": np.zeros((2, 5)),
        "phase": np.array([1j, 2j]),
        "word": np.array(["a", "b"]),
        "label": np.array([0, 1]),
        7: np.array([0, 1]),
        "lengths": [1, 2],
        "bell\x07": np.array([0.5, 1.5]),
    }
    found = named_features(inputs, 2, np.asarray)
    assert {name: values.tolist() for name, values in found.items()} == {
        "age": [3, 4],
        "old": [True, False],
        printable("bell\x07"): [0.5, 1.5],
    }
