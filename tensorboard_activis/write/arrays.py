"""Writes the arrays of a snapshot: large ones to a safetensors file, small ones into the event."""

import os
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from tensorboard_activis import metadata, schema
from tensorboard_activis.checksums import checksum, checksum_key
from tensorboard_activis.write.replacing import replacing

#: Bytes of all arrays inside one event: TensorBoard keeps every event of every run in memory.
INLINE_BYTES = 64 * 1024


class ArrayWriter:
    """Collects the arrays of one snapshot; `close` writes the file, complete and under its final name.

    Arguments:
        part: which of several processes writes it; each has a file of its own.
        repeat: how often this session logged the step before; each time has a file of its own.

    Attributes:
        directory, name: where the file will be.
    """

    def __init__(self, directory: Path, step: int, session: str, part: int = 0, repeat: int = 0) -> None:
        self.directory = directory
        self.name = metadata.snapshot_file(step, session, part, repeat)
        self._tensors: dict[str, np.ndarray] = {}
        self._inline = 0

    def add(self, name: str, array: np.ndarray) -> schema.Array:
        """Adds an array; returns where a reader gets it from: the file's name, or the bytes themselves if it is small."""
        array = np.ascontiguousarray(array)
        dtype, shape = array.dtype.name, array.shape
        if self.fits(array.nbytes):
            self._inline += array.nbytes
            return schema.Array(dtype, shape, inline=array.tobytes())
        self.hold(name, array)
        return schema.Array(dtype, shape, tensor=name, files=(self.name,))

    def fits(self, size: int) -> bool:
        """Whether an array of `size` bytes still fits into the event."""
        return self._inline + size <= INLINE_BYTES

    def hold(self, name: str, array: np.ndarray) -> None:
        """Adds an array, or this process's rows of it, to the file."""
        self._tensors[name] = np.ascontiguousarray(array)

    @property
    def holds(self) -> bool:
        """Whether the file has any array."""
        return bool(self._tensors)

    def close(self) -> None:
        """Writes the file, unless it would be empty.

        Raises:
            OSError: disk full, directory gone, …; nothing is left under the final name.
        """
        if not self._tensors:
            return
        with replacing(self.directory / self.name) as partial:
            try:
                save_file(self._tensors, partial, self._checksums())
            except SafetensorError as error:
                raise _as_os_error(error, partial) from error

    def discard(self, record: schema.Snapshot | None = None) -> None:
        """Removes the file when its event was not written; with a record, also the files that other processes wrote for it."""
        names = {self.name} if self._tensors else set()
        if record is not None:
            names |= {name for layer in record.layers for name in layer.activations.files}
            names |= {name for column in record.columns.values() for name in column.files}
        for name in names:
            with suppress(OSError):
                (self.directory / name).unlink()

    def _checksums(self) -> dict[str, str]:
        return {checksum_key(name): checksum(array) for name, array in self._tensors.items()}


def _as_os_error(error: SafetensorError, path: Path) -> OSError:
    """The operating system's error, whose number safetensors gives in its message only."""
    number = re.search(r"\(os error (\d+)\)", str(error))
    if number is None:
        return OSError(f"{path.name} cannot be written: {error}")
    return OSError(int(number[1]), os.strerror(int(number[1])), str(path))
