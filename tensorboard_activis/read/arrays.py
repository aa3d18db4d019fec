"""Arrays as records name them, memory-mapped. What a file's header says is checked against the file before it is used."""

import json
import math
import os
import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, TypeGuard

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.files import open_own
from tensorboard_activis.read.mappings import mapped

_DTYPES = {"F16": "float16", "F32": "float32", "F64": "float64", "I32": "int32", "I64": "int64", "U8": "uint8"}
_MAX_HEADER = 4 * 1024 * 1024
_MAX_ELEMENTS = 2**48


def read_array(directory: Path, array: schema.Array) -> np.ndarray:
    """The array, read-only; of one file it is a view into the memory-mapped file.

    Raises:
        UnreadableError: a file is missing, shorter than its header says, or holds something else than the record says.
    """
    if not array.files:
        return np.frombuffer(array.inline, array.dtype).reshape(array.shape)
    shards = [_read_tensor(directory / name, array.tensor) for name in array.files]
    shape = shards[0].shape
    if len(shards) > 1 and all(shard.shape[1:] == shape[1:] and shard.ndim for shard in shards):
        shape = (sum(len(shard) for shard in shards), *shape[1:])
    # Compared before anything is copied: shards that do not fit together have no common shape either.
    if shape != array.shape or any(shard.dtype != array.dtype or shard.shape[1:] != shape[1:] for shard in shards):
        found = ", ".join(f"{shard.dtype} {shard.shape}" for shard in shards[:4]) + (", …" if len(shards) > 4 else "")
        raise UnreadableError(
            f"{array.tensor!r} in {', '.join(array.files)} is {found}; the snapshot says {array.dtype} {array.shape}."
        )
    return shards[0] if len(shards) == 1 else np.concatenate(shards)


def read_file(path: Path) -> tuple[dict[str, np.ndarray], Mapping[str, object]]:
    """All tensors of a file of arrays, memory-mapped, and its metadata.

    Raises:
        UnreadableError: it is missing or damaged; what it holds beyond its tensors is damage, too.
    """
    with _opened(path) as file:
        entries, start, size = _header(file, path.name)
        tensors = {name: _tensor(file, path.name, name) for name in entries if name != "__metadata__"}
    spans = sorted(entry["data_offsets"] for name, entry in entries.items() if name != "__metadata__")  # type: ignore[index]
    ends = [0, *(end for _, end in spans)]
    if [begin for begin, _ in spans] != ends[:-1] or ends[-1] != size - start:
        raise UnreadableError(f"{path.name} has {size:,} bytes, of which its header explains {start + ends[-1]:,}.")
    metadata = entries.get("__metadata__", {})
    return tensors, metadata if isinstance(metadata, dict) else {}


def _read_tensor(path: Path, tensor: str) -> np.ndarray:
    with _opened(path) as file:
        return _tensor(file, path.name, tensor)


def _opened(path: Path) -> BinaryIO:
    try:
        return open_own(path)
    except FileNotFoundError as error:
        raise UnreadableError(
            f"{path.name} is missing. It lay beside the event file; was the run copied without it?"
        ) from error
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror or error}.") from error


def _tensor(file: BinaryIO, name: str, tensor: str) -> np.ndarray:
    entries, start, size = _header(file, name)
    entry = entries.get(tensor)
    if not isinstance(entry, dict) or tensor == "__metadata__":
        raise UnreadableError(f"{name} has no tensor {tensor!r}.")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if (
        not isinstance(dtype, str)
        or dtype not in _DTYPES
        or not _naturals(shape)
        or not _naturals(offsets)
        or len(offsets) != 2
        or len(shape) > 8
        or math.prod(max(1, length) for length in shape) > _MAX_ELEMENTS
        or not 0 <= offsets[0] <= offsets[1] <= size - start
        or offsets[1] - offsets[0] != math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
    ):
        raise UnreadableError(
            f"{name} describes {tensor!r} as {str(entry)[:200]}, which does not fit into its {size} bytes."
        )
    if math.prod(shape) == 0:
        return np.zeros(shape, _DTYPES[dtype])
    try:
        return mapped(file)[start + offsets[0] : start + offsets[1]].view(_DTYPES[dtype]).reshape(shape)
    except OSError as error:
        raise UnreadableError(f"{name} cannot be mapped: {error.strerror or error}.") from error


def _header(file: BinaryIO, name: str) -> tuple[Mapping[str, object], int, int]:
    """The JSON header, where the data begin, and the file's size."""
    try:
        size = os.fstat(file.fileno()).st_size
        file.seek(0)
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else -1
        if not 2 <= length <= min(_MAX_HEADER, size - 8):
            raise UnreadableError(f"{name} is not a complete safetensors file ({size} bytes).")
        entries = _parsed(file.read(length))
    except OSError as error:
        raise UnreadableError(f"{name} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{name} has a damaged header: {error}.") from error
    if not isinstance(entries, dict):
        raise UnreadableError(f"{name} has a header that is no JSON object.")
    return entries, 8 + length, size


@lru_cache(maxsize=8)  # every array of a snapshot comes from the same file
def _parsed(header: bytes) -> object:
    return json.loads(header)


def _naturals(values: object) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
