"""Serializes answers: any dataclass of `query` as JSON, or as safetensors with JSON metadata when it has arrays."""

import json
import math
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
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
    """Serializes arrays and metadata as one safetensors file."""
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
    """As text. Long lists are written in parts: json.dumps lets no other thread run until it is done."""
    if is_dataclass(value) and not isinstance(value, type):
        value = _plain(value)
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return "{" + ",".join(f"{_dumps(key)}:{_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)) and len(value) > _PART:
        parts = (value[start : start + _PART] for start in range(0, len(value), _PART))
        return "[" + ",".join(_dumps(part)[1:-1] for part in parts) + "]"
    return _dumps(value)


def _dumps(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_plain)


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
    """What is known of a dataclass once: its fields as (name in Python, name outside, whether it is a mapping of arrays)."""

    fields: tuple[tuple[str, str, bool], ...]
    arrays: bool


_SHAPES: dict[object, _Shape] = {}


def _shape(kind: Any) -> _Shape:
    known = _SHAPES.get(kind)
    if known is None:
        hints = get_type_hints(kind, include_extras=True)
        names = [field.name for field in fields(kind)]
        spread = {name: get_origin(hints[name]) is Mapping and _is_array(hints[name]) for name in names}
        known = _SHAPES[kind] = _Shape(
            tuple((name, wire_name(name), spread[name]) for name in names),
            any(_is_array(hints[name]) for name in names),
        )
    return known


def has_arrays(kind: object) -> bool:
    """Whether this is a dataclass that is sent as safetensors."""
    return is_dataclass(kind) and _shape(kind).arrays


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
    for field, wire, spread in _shape(type(answer)).fields:
        name, value = before + wire, getattr(answer, field)
        if value is None:
            continue
        if spread:
            yield from value.items()
        elif has_arrays(type(value)):
            yield from _parts(value, f"{name}.")
        else:
            yield name, value


def _plain(value: Any) -> object:
    """What JSON has no word for: dataclasses as objects, a few numbers as a list."""
    known = _SHAPES.get(type(value))  # a graph has thousands of these
    if known is not None or is_dataclass(type(value)):
        return {wire: getattr(value, field) for field, wire, _ in (known or _shape(type(value))).fields}
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is nothing that answers are made of; see query/contract.py.")
