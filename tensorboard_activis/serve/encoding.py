"""Serializes answers: any dataclass of `query` as JSON, or as safetensors with JSON metadata when it has arrays."""

import json
import math
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from safetensors.numpy import save

from tensorboard_activis.query.contract import wire_name

JSON = "application/json"
SAFETENSORS = "application/octet-stream"
#: Items of a list that are written at a time, which takes about 10 ms.
_PART = 50_000


def encode(answer: object) -> tuple[bytes, str]:
    """Serializes an answer; returns its bytes and content type.

    Without arrays: JSON, absent values as null. With arrays: safetensors, whose metadata are the other fields as JSON; what is
    absent is left out. A mapping of arrays gives them their own names, a dataclass inside of one such as `id.bytes`.
    """
    if not has_arrays(type(answer)):
        return encode_json(answer), JSON
    tensors: dict[str, np.ndarray] = {}
    metadata: dict[str, object] = {}
    for name, value in _parts(answer):
        if isinstance(value, np.ndarray):
            tensors[name] = value
        else:
            metadata[name] = value
    return encode_safetensors(tensors, metadata), SAFETENSORS


def encode_safetensors(tensors: Mapping[str, np.ndarray], metadata: object) -> bytes:
    """Serializes arrays, of any shape, by their names, and metadata as JSON, as one safetensors file."""
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    return save(arrays, {"json": encode_json(metadata).decode()})


def encode_json(value: object) -> bytes:
    """As text; NaN and infinities are null."""
    try:
        return _json(value).encode()
    except ValueError:
        # Numbers that JSON does not know. Most answers have none, and looking for them takes several times as long as this.
        return _json(finite(value)).encode()


def _json(value: Any) -> str:
    """As text. Long lists are written in parts: json lets no other thread run until it is done with a list."""
    if not _has_long_list(value):
        return _ENCODER.encode(value)
    if isinstance(value, (list, tuple)):
        parts = (value[start : start + _PART] for start in range(0, len(value), _PART))
        return "[" + ",".join(_ENCODER.encode(part)[1:-1] for part in parts) + "]"
    items = value if isinstance(value, Mapping) else _plain(value)
    return "{" + ",".join(f"{_ENCODER.encode(key)}:{_json(item)}" for key, item in items.items()) + "}"


def _has_long_list(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) > _PART
    shape = _shape(type(value))
    if shape is not None:
        return any(map(_has_long_list, shape.values(value)))
    return isinstance(value, Mapping) and any(map(_has_long_list, value.values()))


def finite(value: object) -> object:
    """The same value with null for numbers that JSON does not know."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value if value is None or isinstance(value, (str, int)) else finite(_plain(value))


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is known of a dataclass.

    Attributes:
        names: of its fields, in JSON.
        values: gets the values of its fields.
        spread: names of the fields that are mappings of arrays.
        arrays: whether it has any array.
    """

    names: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]
    spread: frozenset[str]
    arrays: bool


#: By type; None for one that is no dataclass.
_SHAPES: dict[object, _Shape | None] = {}


def _shape(kind: object) -> _Shape | None:
    """The fields of a dataclass, read once; None for another type."""
    if kind not in _SHAPES:
        _SHAPES[kind] = _read_shape(kind) if is_dataclass(kind) else None
    return _SHAPES[kind]


def _read_shape(kind: Any) -> _Shape:
    hints = get_type_hints(kind, include_extras=True)
    names = [field.name for field in fields(kind)]
    get = attrgetter(*names)
    return _Shape(
        names=tuple(map(wire_name, names)),
        values=get if len(names) > 1 else lambda value: (get(value),),
        spread=frozenset(
            wire_name(name) for name in names if get_origin(hints[name]) is Mapping and _is_array(hints[name])
        ),
        arrays=any(_is_array(hints[name]) for name in names),
    )


def has_arrays(kind: object) -> bool:
    """Whether this is a dataclass that is sent as safetensors."""
    shape = _shape(kind)
    return shape is not None and shape.arrays


def _is_array(hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Annotated:  # a few numbers
        return False
    if origin in (Union, types.UnionType):
        return any(map(_is_array, get_args(hint)))
    if origin is Mapping:
        return _is_array(get_args(hint)[1])
    return origin is np.ndarray or has_arrays(hint)


def _parts(answer: Any, before: str = "") -> Iterator[tuple[str, object]]:
    shape = _shape(type(answer))
    assert shape is not None
    for name, value in zip(shape.names, shape.values(answer), strict=True):
        if value is None:
            continue
        if name in shape.spread:
            yield from value.items()
        elif has_arrays(type(value)):
            yield from _parts(value, f"{before}{name}.")
        else:
            yield before + name, value


def _plain(value: object) -> Any:
    """What JSON has no word for: dataclasses as objects, a few numbers as a list."""
    shape = _shape(type(value))  # a graph has thousands of these
    if shape is not None:
        return dict(zip(shape.names, shape.values(value)))  # noqa: B905  twice as fast
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is nothing that answers are made of; see query/contract.py.")


_ENCODER = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":"), default=_plain)
