"""Serialization of where arrays are: to protobuf messages and back, with every type, shape and file name checked."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import metadata, schema
from tensorboard_activis.errors import UnreadableError

#: Types that an array may have, with the size of one element in bytes.
DTYPES = {
    name: np.dtype(name).itemsize
    for name in ("float16", "float32", "float64", "int32", "int64", "uint8", "uint16", "uint32")
}

_MAX_ELEMENTS = 2**48
#: Axes of an array that we write.
_MAX_AXES = 8


def encode_array(array: schema.Array) -> pb.Array:
    """The message of an array."""
    return pb.Array(dtype=array.dtype, shape=array.shape, inline=array.inline, tensor=array.tensor, files=array.files)


def decode_array(message: pb.Array, owner: str, name: str) -> schema.Array:
    """The inverse of `encode_array`.

    Arguments:
        owner, name: what the array belongs to, for messages.

    Raises:
        UnreadableError: its type, shape, bytes or files are not what we write.
    """
    dtype, shape = message.dtype, tuple(message.shape[: _MAX_AXES + 1])
    if dtype not in DTYPES:
        raise UnreadableError(
            f"The array of {owner} {name!r:.200} has type {dtype!r:.80}; allowed are {', '.join(DTYPES)}."
        )
    values = _values(shape)
    if values is None:
        raise UnreadableError(f"The array of {owner} {name!r:.200} has the impossible shape {shape}.")
    files, inline = tuple(message.files), message.inline
    if files:
        check_files(files, f"array of {owner}", name)
    elif len(inline) != values * DTYPES[dtype]:
        raise UnreadableError(
            f"The array of {owner} {name!r:.200} has {len(inline)} bytes; {values * DTYPES[dtype]} were expected."
        )
    return schema.Array(dtype, shape, inline, message.tensor, files)


@lru_cache(1024)  # Thousands of layers share a few shapes.
def _values(shape: tuple[int, ...]) -> int | None:
    """Number of values in an array of this shape; None when the shape is impossible."""
    claimed = math.prod(max(1, size) for size in shape)
    if len(shape) > _MAX_AXES or min(shape, default=0) < 0 or claimed > _MAX_ELEMENTS:
        return None
    return math.prod(shape)


def check_files(names: Sequence[str], what: str, name: str | None = None) -> None:
    """Checks that these are names of files that we write, each once. Raises UnreadableError."""
    for file in names:
        if not metadata.is_file_name(file):
            raise UnreadableError(f"A snapshot refers to the file {file!r:.200}, which is not a name that we write.")
    if len(names) > 1 and len(set(names)) < len(names):
        raise UnreadableError(f"The {what}{f' {name!r:.200}' if name is not None else ''} names a file twice.")
