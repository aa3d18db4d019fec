"""Arrays that lie in several files, a part of each process: put together in memory, or in a file without a name."""

import tempfile
import threading
from collections.abc import Sequence

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.array_file import MAPPED, ArrayFile, Tensor
from tensorboard_activis.read.held import Held

#: Bytes of arrays that are kept put together, and the most that one may have.
_KEPT, _MAX_JOINED = 16 << 30, 16 << 30
_PIECE = 64 << 20
#: Files that take less than this part of their size are holes, which would be filled.
_HOLES = 16

_held: Held[np.ndarray] = Held(_KEPT)
_lock = threading.Lock()


def joined(array: schema.Array, parts: Sequence[tuple[ArrayFile, Tensor]]) -> np.ndarray:
    """The parts one below the other, read-only, as long as their files are what they were.

    Queries want one array, and a copy of several GB for each of them would not do: a large one is copied once, into the system's
    directory for temporary files (`TMPDIR`), and mapped.

    Raises:
        UnreadableError: it is too large, or there is no room for it.
    """
    size = sum(tensor.end - tensor.begin for _, tensor in parts)
    if size <= MAPPED:
        together = np.concatenate([file.read(tensor) for file, tensor in parts])
        together.flags.writeable = False
        return together
    stored = {file.identity: file.stored() for file, _ in parts}
    if size > _HOLES * sum(stored.values()):
        raise UnreadableError(
            f"{array.tensor!r:.200} lies in {len(parts)} files and would have {size:,} bytes, of which they store "
            f"{sum(stored.values()):,}."
        )
    if size > _MAX_JOINED:
        raise UnreadableError(
            f"{array.tensor!r:.200} lies in {len(parts)} files of {size:,} bytes together; {_MAX_JOINED:,} are allowed. "
            "Keep a smaller sample, or evaluate in one process."
        )
    key = tuple(number for file, tensor in parts for number in (*file.identity, tensor.begin, tensor.end))
    with _lock:  # those who ask for the same array at the same time wait for one copy
        found = _held.get(key)
        if found is None:
            found = _mapped(array, parts)
            _held.hold(key, found, size)
    return found


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
