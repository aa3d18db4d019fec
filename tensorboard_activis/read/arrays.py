"""Arrays as records name them, memory-mapped. What a file's header says is checked against the file before it is used."""

import json
import math
import struct
from pathlib import Path
from typing import TypeGuard

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import UnreadableError

_DTYPES = {"F16": "float16", "F32": "float32", "F64": "float64", "I32": "int32", "I64": "int64", "U8": "uint8"}
_MAX_HEADER = 16 * 1024 * 1024


def read_array(directory: Path, array: schema.Array) -> np.ndarray:
    """The array, read-only; of one file it is a view into the memory-mapped file.

    Raises:
        UnreadableError: a file is missing, shorter than its header says, or holds something else than the record says.
    """
    if not array.files:
        return np.frombuffer(array.inline, array.dtype).reshape(array.shape)
    shards = [_read_tensor(directory / name, array.tensor) for name in array.files]
    values = shards[0] if len(shards) == 1 else _concatenated(shards, array.tensor)
    if values.shape != array.shape or values.dtype != array.dtype:
        raise UnreadableError(
            f"{array.tensor!r} in {', '.join(array.files)} is {values.dtype} {values.shape}; "
            f"the snapshot says {array.dtype} {array.shape}."
        )
    return values


def _concatenated(shards: list[np.ndarray], tensor: str) -> np.ndarray:
    try:
        return np.concatenate(shards)
    except ValueError as error:
        raise UnreadableError(f"The shards of {tensor!r} do not fit together: {error}.") from error


def _read_tensor(path: Path, tensor: str) -> np.ndarray:
    entries, start, size = _header(path)
    entry = entries.get(tensor)
    if not isinstance(entry, dict):
        raise UnreadableError(f"{path.name} has no tensor {tensor!r}.")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if (
        not isinstance(dtype, str)
        or dtype not in _DTYPES
        or not _naturals(shape)
        or not _naturals(offsets)
        or len(offsets) != 2
        or len(shape) > 8
        or not 0 <= offsets[0] <= offsets[1] <= size - start
        or offsets[1] - offsets[0] != math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
    ):
        raise UnreadableError(f"{path.name} describes {tensor!r} as {entry}, which does not fit into its {size} bytes.")
    if math.prod(shape) == 0:
        return np.zeros(shape, _DTYPES[dtype])
    return np.memmap(path, _DTYPES[dtype], "r", start + offsets[0], tuple(shape))


def _header(path: Path) -> tuple[dict[str, object], int, int]:
    """The JSON header, where the data begin, and the file's size."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else -1
            if not 2 <= length <= min(_MAX_HEADER, size - 8):
                raise UnreadableError(f"{path.name} is not a complete safetensors file ({size} bytes).")
            entries = json.loads(file.read(length))
    except FileNotFoundError as error:
        raise UnreadableError(
            f"{path.name} is missing. It lay beside the event file; was the run copied without it?"
        ) from error
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{path.name} has a damaged header: {error}.") from error
    if not isinstance(entries, dict):
        raise UnreadableError(f"{path.name} has a header that is no JSON object.")
    return entries, 8 + length, size


def _naturals(values: object) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
