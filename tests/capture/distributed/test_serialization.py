"""Serialization restores every value exactly, and refuses what is not plain data."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from tensorboard_activis.capture.distributed.serialization import SerializationError, Serialized, deserialize, serialize
from tensorboard_activis.capture.torch.distributed.serialization import DECODERS, encode

TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)  # lone surrogates as well
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=100)
NUMBERS = (
    arrays.boolean_dtypes()
    | arrays.integer_dtypes(endianness="?")
    | arrays.floating_dtypes(endianness="?")
    | arrays.complex_number_dtypes()
    | arrays.unicode_string_dtypes(max_len=4)
    | arrays.datetime64_dtypes(max_period="s", min_period="ns")
)
ARRAYS = arrays.arrays(NUMBERS, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
HASHABLE = st.none() | st.booleans() | st.integers() | TEXTS | st.binary(max_size=9)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    few = st.lists(inner, max_size=4)
    return (
        few
        | few.map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.sets(HASHABLE, max_size=4)
        | st.frozensets(HASHABLE, max_size=4)
        | st.tuples(few).map(lambda values: objects(values[0]))
    )


def objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), object)
    for index, value in enumerate(values):
        array[index] = value
    return array


def same(a: Any, b: Any) -> bool:
    """Equal, of one type, and NaN is NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            return False
        return (
            all(map(same, a.ravel().tolist(), b.ravel().tolist())) if a.dtype == object else a.tobytes() == b.tobytes()
        )
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a), list(b)) and same(list(a.values()), list(b.values()))
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b)) or np.isnat(a)


def sent(serialized: Serialized) -> Any:
    return deserialize(b"".join(serialized))


@given(st.recursive(PLAIN | ARRAYS, nested, max_leaves=12))
def test_every_value_arrives_as_it_was(value: Any) -> None:
    assert same(sent(serialize(value)), value)


@given(NUMBERS, st.integers(0, 3))
def test_scalars_of_numpy(dtype: np.dtype[Any], number: int) -> None:
    value = np.array(number).astype(dtype)[()]
    restored = sent(serialize([value]))[0]
    assert type(restored) is type(value)
    assert restored == value


def test_what_rows_are_made_of() -> None:
    rows = {
        "image": objects([b"\x89PNG", b"", b"\0" * 300]),
        "words": objects([["a", "b"], [], None]),
        "label": objects([np.array([1, 2], np.int32), np.array([], np.int32)]),
        "name": objects(["a", None, "\ud800"]),
        "strided": np.arange(24).reshape(4, 6)[::2, ::3],
        "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    }
    assert same(sent(serialize(rows)), rows)


def test_arrays_are_neither_copied_to_be_sent_nor_when_they_arrive() -> None:
    rows = np.arange(1000, dtype=np.float32).reshape(10, 100)
    serialized = serialize({"rows": rows, "more": rows[:3]})
    assert sum(np.shares_memory(np.frombuffer(buffer, np.uint8), rows) for buffer in serialized) == 2
    data = np.frombuffer(b"".join(serialized), np.uint8)
    restored = deserialize(data.data)
    assert all(np.shares_memory(array, data) for array in restored.values())
    starts = [array.__array_interface__["data"][0] - data.__array_interface__["data"][0] for array in restored.values()]
    assert all(start % 64 == 0 for start in starts)


class Thing:
    """Could do anything when it is made."""


@pytest.mark.parametrize(
    "value",
    [Thing(), [{"a": Thing()}], Path(), print, Thing, objects([Thing()]), np.zeros(2, "i4,f8"), torch.zeros(2)],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(SerializationError, match="cannot be sent to another process"):
        serialize(value)


def test_truncated_data_are_refused() -> None:
    data = b"".join(serialize(np.arange(100)))
    with pytest.raises(ValueError, match="128 bytes of contents; the header names 800"):
        deserialize(data[:192])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.int8, torch.bool, torch.complex64])
def test_tensors_of_types_that_numpy_has_and_has_not(dtype: torch.dtype) -> None:
    tensor = torch.arange(-3, 9).reshape(3, 4).to(dtype)
    value = {"turned": tensor.T, "none": tensor[:0], "one": tensor[1, 2]}
    restored = deserialize(b"".join(serialize(value, encode)), DECODERS)
    for name, one in value.items():
        assert (restored[name].dtype, restored[name].shape) == (dtype, one.shape)
        assert torch.equal(restored[name].to(torch.complex64), one.to(torch.complex64))
    restored["turned"].zero_()  # of its own


def test_a_tensor_is_sent_without_its_gradients() -> None:
    tensor = torch.arange(3.0).requires_grad_() * 2
    (restored,) = deserialize(b"".join(serialize([tensor], encode)), DECODERS)
    assert restored.tolist() == [0, 2, 4]
    assert not restored.requires_grad


def test_packed_sequences() -> None:
    value = pack_sequence([torch.arange(3), torch.arange(5), torch.arange(2)], enforce_sorted=False)
    restored = deserialize(b"".join(serialize((value,), encode)), DECODERS)[0]
    assert type(restored) is PackedSequence
    assert [part.tolist() for part in restored] == [part.tolist() for part in value]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.eye(3).to_sparse(),
        torch.zeros(3, device="meta"),
        torch.nested.nested_tensor([torch.zeros(2)], layout=torch.jagged),
    ],
)
def test_tensors_without_plain_values_are_refused(tensor: torch.Tensor) -> None:
    with pytest.raises(SerializationError, match=r"Tensor cannot be sent"):
        serialize([tensor], encode)
