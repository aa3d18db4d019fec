"""Serialization of values that processes send to each other: plain data only, so that reading it never runs code as pickle does.

The format is a header (its length in 8 bytes, then JSON that describes how the values are nested), followed by the bytes of
arrays and byte strings in the order in which the header names them, each aligned to 64 bytes.
"""

import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np

Buffer = bytes | memoryview
#: A serialized value: consecutive buffers. Arrays are not copied before they are sent.
Serialized = list[Buffer]

#: Turns a value of another type into (name of its decoder, a value that can be serialized); None if it cannot.
Encoder = Callable[[Any], tuple[str, Any] | None]
#: Functions that restore values of other types, by the name that the encoder gave.
Decoders = Mapping[str, Callable[[Any], Any]]

_ALIGNED = 64
_PLAIN = {str, int, float, bool, type(None)}


class SerializationError(TypeError):
    """A value has a type that cannot be serialized."""


def serialize(value: Any, encode: Encoder = lambda value: None) -> Serialized:
    """Serializes a value made of None, bools, numbers, strings, bytes, lists, tuples, sets, dicts and arrays (also of objects).

    Raises:
        SerializationError: it contains a value of another type, for which `encode` returns None.
    """
    contents: Serialized = []
    header = json.dumps(_Serializer(encode, contents).node(value), separators=(",", ":")).encode()
    header += b" " * (-(8 + len(header)) % _ALIGNED)
    return [struct.pack("<Q", len(header)), header, *(part for content in contents for part in _padded(content))]


def deserialize(data: Buffer, decoders: Decoders | None = None) -> Any:
    """Restores a value; its arrays are views into the data.

    Raises:
        ValueError: the data are truncated.
    """
    view = memoryview(data)
    (length,) = struct.unpack_from("<Q", view)
    return _Deserializer(view[8 + length :], decoders or {}).value(json.loads(bytes(view[8 : 8 + length])))


class _Serializer:
    def __init__(self, encode: Encoder, contents: Serialized) -> None:
        self._encode, self._contents = encode, contents

    def node(self, value: Any) -> Any:
        """The value as JSON: strings, numbers and lists are themselves, everything else is {kind: what is needed to make it}."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is list:
            return self._nodes(value)
        if kind in (tuple, set, frozenset):
            return {kind.__name__: self._nodes(list(value))}
        if kind is dict:
            return {"dict": [self._nodes(list(value)), self._nodes(list(value.values()))]}
        if kind is bytes:
            self._contents.append(value)
            return {"bytes": len(value)}
        if isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray):
            return self._array(np.asarray(value))
        if isinstance(value, datetime):  # as numpy gives times that stand beside nothing but None
            value = np.datetime64(value, "us")
        if isinstance(value, np.generic) and value.dtype.kind not in "OV":
            return {"scalar": self._array(np.asarray(value))}
        encoded = self._encode(value)
        if encoded is None:
            raise SerializationError(f"a {kind.__module__}.{kind.__qualname__} cannot be sent to another process")
        return {"own": [encoded[0], self.node(encoded[1])]}

    def _nodes(self, values: list[Any]) -> Any:
        kinds = set(map(type, values))
        if kinds <= _PLAIN:
            return values
        if kinds == {bytes}:  # pictures, say
            self._contents.append(b"".join(values))
            return {"pieces": list(map(len, values))}
        return [self.node(value) for value in values]

    def _array(self, array: np.ndarray) -> Any:
        if array.dtype == object:
            return {"objects": [array.shape, self._nodes(array.ravel().tolist())]}
        if array.dtype.kind not in "biufcSUmM":
            raise SerializationError(f"an array of {array.dtype} cannot be sent to another process")
        if array.nbytes:
            self._contents.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return {"array": [array.dtype.str, array.shape]}


class _Deserializer:
    def __init__(self, contents: memoryview, decoders: Decoders) -> None:
        self._contents, self._decoders = contents, decoders
        self._offset = 0

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.value(each) if type(each) in (list, dict) else each for each in node]
        if not isinstance(node, dict):
            return node
        ((kind, payload),) = node.items()
        if kind == "array":
            return self._array(np.dtype(payload[0]), payload[1])
        if kind == "objects":
            return self._objects(*payload)
        if kind == "dict":
            return dict(zip(self.value(payload[0]), self.value(payload[1]), strict=True))
        if kind == "bytes":
            return bytes(self._read(payload))
        if kind == "pieces":
            return list(self._pieces(payload))
        if kind == "scalar":
            return self.value(payload)[()]
        if kind == "own":
            return self._decoders[payload[0]](self.value(payload[1]))
        return {"tuple": tuple, "set": set, "frozenset": frozenset}[kind](self.value(payload))

    def _array(self, dtype: np.dtype[Any], shape: list[int]) -> np.ndarray:
        count = math.prod(shape)
        size = count * dtype.itemsize
        if not size:
            return np.zeros(shape, dtype)
        return np.frombuffer(self._read(size), dtype, count).reshape(shape)

    def _objects(self, shape: list[int], payload: Any) -> np.ndarray:
        values = self.value(payload)
        array = np.empty(len(values), object)
        for index, value in enumerate(values):  # at once, lists of one length would be taken for further axes
            array[index] = value
        return array.reshape(shape)

    def _pieces(self, sizes: list[int]) -> Iterator[bytes]:
        whole, start = self._read(sum(sizes)), 0
        for size in sizes:
            yield bytes(whole[start : start + size])
            start += size

    def _read(self, size: int) -> memoryview:
        data = self._contents[self._offset : self._offset + size]
        if len(data) != size:
            raise ValueError(
                f"serialized data have {len(self._contents)} bytes of contents; the header names {self._offset + size}"
            )
        self._offset += size + -size % _ALIGNED
        return data


def _padded(content: Buffer) -> Iterator[Buffer]:
    yield content
    if rest := -len(content) % _ALIGNED:
        yield bytes(rest)
