"""Answers as text."""

import json
from types import MappingProxyType

import pytest

from tensorboard_activis.serve import encoding
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


def longest(value: object) -> int:
    """The length of the longest list in a value that is not inside of another list."""
    if isinstance(value, dict):
        return max(map(longest, value.values()), default=0)
    return len(value) if isinstance(value, list) else 0


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 6, 7, 12])
def test_long_lists_are_written_in_parts(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []
    encode = json.JSONEncoder.encode

    def watched(encoder: json.JSONEncoder, value: object) -> str:
        lengths.append(longest(value))
        return encode(encoder, value)

    value = {"a": list(range(count)), "b": {"c": [float("nan")] * count, "d": {}}, "é": [[1, "x"]] * count}
    monkeypatch.setattr(encoding, "_PART", 3)
    monkeypatch.setattr(json.JSONEncoder, "encode", watched)
    text = encode_json(value)
    assert max(lengths) <= 3
    monkeypatch.undo()
    assert json.loads(text) == value | {"b": {"c": [None] * count, "d": {}}}
    assert b" " not in text


def test_what_is_no_json_is_an_error() -> None:
    with pytest.raises(TypeError, match="set"):
        encode_json({"a": {1, 2}})
