"""Values on their way from one process to another: bytes that say what they are, and never code, as pickle would be.

A parcel is a header (its length in 8 bytes, then JSON that tells how the values are nested) and the bytes of arrays and byte
strings in the order in which they are named there, each on a multiple of 64.
"""

import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np

Buffer = bytes | memoryview
#: One after the other; arrays are not copied before they are sent.
Parcel = list[Buffer]

#: What is neither plain nor an array as a name and something that is; None: nobody knows it.
Describe = Callable[[Any], tuple[str, Any] | None]
#: The other way round, by name.
Make = Mapping[str, Callable[[Any], Any]]

_ALIGNED = 64
_PLAIN = {str, int, float, bool, type(None)}


class UnsendableError(TypeError):
    """A value is none of those that can be sent; which."""


def packed(value: Any, describe: Describe = lambda value: None) -> Parcel:
    """A value made of None, truth values, numbers, texts, bytes, lists, tuples, sets, dicts and numpy arrays, also of objects.

    Raises:
        UnsendableError: it holds something else, of which `describe` says nothing.
    """
    contents: Parcel = []
    header = json.dumps(_Packing(describe, contents).node(value), separators=(",", ":")).encode()
    header += b" " * (-(8 + len(header)) % _ALIGNED)
    return [struct.pack("<Q", len(header)), header, *(part for content in contents for part in _padded(content))]


def unpacked(data: Buffer, make: Make | None = None) -> Any:
    """The value; its arrays are views into the data."""
    view = memoryview(data)
    (length,) = struct.unpack_from("<Q", view)
    return _Unpacking(view[8 + length :], make or {}).value(json.loads(bytes(view[8 : 8 + length])))


class _Packing:
    def __init__(self, describe: Describe, contents: Parcel) -> None:
        self._describe, self._contents = describe, contents

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
        described = self._describe(value)
        if described is None:
            raise UnsendableError(f"a {kind.__module__}.{kind.__qualname__} cannot be sent to another process")
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
            raise UnsendableError(f"an array of {array.dtype} cannot be sent to another process")
        if array.nbytes:
            self._contents.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return {"array": [array.dtype.str, array.shape]}


class _Unpacking:
    def __init__(self, contents: memoryview, make: Make) -> None:
        self._contents, self._make = contents, make
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
            return self._make[told[0]](self.value(told[1]))
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
