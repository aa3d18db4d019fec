"""Concatenates arrays that several processes wrote in parts, in memory or in an unnamed temporary file."""

import tempfile
import threading
from collections.abc import Sequence

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.files import COPY_AGAIN
from tensorboard_activis.read.array_file import MAPPED, ArrayFile, Tensor
from tensorboard_activis.read.file_cache import FileCache

#: Bytes of concatenated arrays in the cache, and the most that one may have.
_CACHE_BYTES, _MAX_BYTES = 16 << 30, 16 << 30
_PIECE = 64 << 20
#: Sparse files that occupy less than this part of their size are refused: a copy would fill the holes.
_HOLES = 16

_cache: FileCache[np.ndarray] = FileCache(_CACHE_BYTES)
_lock = threading.Lock()


def concatenate(array: schema.Array, parts: Sequence[tuple[ArrayFile, Tensor]]) -> np.ndarray:
    """Concatenates the parts along the first axis into one read-only array of the recorded shape, cached until a file changes.

    A small array is concatenated in memory. A large one is copied once into the system's directory for temporary files
    (`TMPDIR`) and memory-mapped.

    Raises:
        UnreadableError: the array is too large, or there is no disk space for it.
    """
    size = sum(tensor.end - tensor.begin for _, tensor in parts)
    if size <= MAPPED:
        whole = np.concatenate([file.read(tensor) for file, tensor in parts])
        whole.flags.writeable = False
        return whole
    stored = {file.version: file.stored() for file, _ in parts}
    if size > _HOLES * sum(stored.values()):
        raise UnreadableError(
            f"{array.tensor!r:.200} lies in {len(parts)} files and would have {size:,} bytes. Only {sum(stored.values()):,} of "
            f"them are on disk, so most of the files are gaps. {COPY_AGAIN}"
        )
    if size > _MAX_BYTES:
        raise UnreadableError(
            f"{array.tensor!r:.200} lies in {len(parts)} files of {size:,} bytes together; {_MAX_BYTES:,} are allowed. "
            "Keep a smaller sample (sample=), or evaluate in one process."
        )
    key = tuple(number for file, tensor in parts for number in (*file.version, tensor.begin, tensor.end))
    with _lock:  # concurrent requests for the same array wait for one copy
        cached = _cache.get(key)
        if cached is None:
            cached = _mapped(array, parts)
            _cache.put(key, cached, size)
    return cached


def _mapped(array: schema.Array, parts: Sequence[tuple[ArrayFile, Tensor]]) -> np.ndarray:
    try:
        with tempfile.TemporaryFile(prefix="activis-") as file:
            for part, tensor in parts:
                content = part.read(tensor).reshape(-1).view(np.uint8)
                for start in range(0, content.size, _PIECE):
                    file.write(content[start : start + _PIECE].data)
            file.flush()
            return np.memmap(file, array.dtype, "r", shape=array.shape)
    except OSError as error:
        raise UnreadableError(
            f"{array.tensor!r:.200} lies in {len(parts)} files and cannot be put together in {tempfile.gettempdir()}: "
            f"{error.strerror or error}. Make room there, or set TMPDIR to a directory with room."
        ) from error
