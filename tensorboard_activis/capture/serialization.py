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
    """A value made of None, truth values, numbers, texts, bytes, lists, tuples, sets, dicts and numpy arrays, also of objects.

    Raises:
        SerializationError: it holds something else, of which `encode` says nothing.
    """
    contents: Serialized = []
    header = json.dumps(_Serializer(encode, contents).node(value), separators=(",", ":")).encode()
    header += b" " * (-(8 + len(header)) % _ALIGNED)
    return [struct.pack("<Q", len(header)), header, *(part for content in contents for part in _padded(content))]


def deserialize(data: Buffer, decoders: Decoders | None = None) -> Any:
    """The value; its arrays are views into the data."""
    view = memoryview(data)
    (length,) = struct.unpack_from("<Q", view)
    return _Deserializer(view[8 + length :], decoders or {}).value(json.loads(bytes(view[8 : 8 + length])))


class _Serializer:
    def __init__(self, encode: Encoder, contents: Serialized) -> None:
        self._encode, self._contents = encode, contents

    def node(self, value: Any) -> Any:
        """Texts, numbers and lists stand for themselves; everything else is {kind: what is needed to make it}."""
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
        described = self._encode(value)
        if described is None:
            raise SerializationError(f"a {kind.__module__}.{kind.__qualname__} cannot be sent to another process")
        return {"own": [described[0], self.node(described[1])]}

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
        self._at = 0

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.value(each) if type(each) in (list, dict) else each for each in node]
        if not isinstance(node, dict):
            return node
        ((kind, told),) = node.items()
        if kind == "array":
            return self._array(np.dtype(told[0]), told[1])
        if kind == "objects":
            return self._objects(*told)
        if kind == "dict":
            return dict(zip(self.value(told[0]), self.value(told[1]), strict=True))
        if kind == "bytes":
            return bytes(self._taken(told))
        if kind == "pieces":
            return list(self._pieces(told))
        if kind == "scalar":
            return self.value(told)[()]
        if kind == "own":
            return self._decoders[told[0]](self.value(told[1]))
        return {"tuple": tuple, "set": set, "frozenset": frozenset}[kind](self.value(told))

    def _array(self, dtype: np.dtype[Any], shape: list[int]) -> np.ndarray:
        count = math.prod(shape)
        size = count * dtype.itemsize
        if not size:
            return np.zeros(shape, dtype)
        return np.frombuffer(self._taken(size), dtype, count).reshape(shape)

    def _objects(self, shape: list[int], told: Any) -> np.ndarray:
        values = self.value(told)
        found = np.empty(len(values), object)
        for place, value in enumerate(values):  # at once, lists of one length would be taken for further axes
            found[place] = value
        return found.reshape(shape)

    def _pieces(self, sizes: list[int]) -> Iterator[bytes]:
        whole, start = self._taken(sum(sizes)), 0
        for size in sizes:
            yield bytes(whole[start : start + size])
            start += size

    def _taken(self, size: int) -> memoryview:
        found = self._contents[self._at : self._at + size]
        if len(found) != size:
            raise ValueError(f"a parcel has {len(self._contents)} bytes of contents; {self._at + size} are named")
        self._at += size + -size % _ALIGNED
        return found


def _padded(content: Buffer) -> Iterator[Buffer]:
    yield content
    if rest := -len(content) % _ALIGNED:
        yield bytes(rest)
