"""Writes the arrays of a snapshot: large ones to a safetensors file, small ones into the event."""

import math
from contextlib import suppress

import numpy as np

from tensorboard_activis import metadata, schema
from tensorboard_activis.stores.path import Location
from tensorboard_activis.write.replacing import replacing
from tensorboard_activis.write.tensors import Values, write_tensors

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

    def __init__(self, directory: Location, step: int, session: str, part: int = 0, repeat: int = 0) -> None:
        self.directory = directory
        self.name = metadata.snapshot_file(step, session, part, repeat)
        self._tensors: dict[str, Values] = {}
        self._inline = 0

    def add(self, name: str, values: Values) -> schema.Array:
        """Adds an array; returns where a reader gets it from: the file's name, or the bytes themselves if it is small."""
        dtype, shape = values.dtype.name, values.shape
        size = values.dtype.itemsize * math.prod(shape)
        if self.fits(size):
            self._inline += size
            array = values if isinstance(values, np.ndarray) else values.array()
            return schema.Array(dtype, shape, inline=array.tobytes())
        self.hold(name, values)
        return schema.Array(dtype, shape, tensor=name, files=(self.name,))

    def fits(self, size: int) -> bool:
        """Whether an array of `size` bytes still fits into the event."""
        return self._inline + size <= INLINE_BYTES

    def hold(self, name: str, values: Values) -> None:
        """Adds an array, or this process's rows of it, to the file."""
        self._tensors[name] = values

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
            write_tensors(partial, self._tensors)

    def discard(self, record: schema.Snapshot | None = None) -> None:
        """Removes the file when its event was not written; with a record, also the files that other processes wrote for it."""
        names = {self.name} if self._tensors else set()
        if record is not None:
            names |= {name for layer in record.layers for name in layer.activations.files}
            names |= {name for column in record.columns.values() for name in column.files}
        for name in names:
            with suppress(OSError):
                (self.directory / name).unlink()
