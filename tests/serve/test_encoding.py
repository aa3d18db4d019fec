"""Answers as text."""

from types import MappingProxyType

import pytest

from tensorboard_activis.serve.encoding import encode_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, (None, "é")]}, '{"a":[1,2.5,[null,"\\u00e9"]]}'),
        ({"a": [float("nan"), {"b": float("-inf")}], "c": 0.1}, '{"a":[null,{"b":null}],"c":0.1}'),
        (MappingProxyType({"a": MappingProxyType({"b": float("inf")})}), '{"a":{"b":null}}'),
    ],
)
def test_json_knows_neither_nan_nor_infinity(value: object, text: str) -> None:
    assert encode_json(value) == text.encode()


def test_what_is_no_json_is_an_error() -> None:
    with pytest.raises(TypeError, match="set"):
        encode_json({"a": {1, 2}})
