"""Arrays as records name them. What a file's header says is checked against the file before it is used."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.array_file import ArrayFile, Tensor
from tensorboard_activis.read.joined import joined

#: Files that were looked up already, by name: thousands of arrays may lie in one.
Known = dict[str, ArrayFile]


def read_array(directory: Path, array: schema.Array, rows: int | None = None, known: Known | None = None) -> np.ndarray:
    """The array, or its first rows, read-only; a large one of one file is a view into the memory-mapped file.

    Arguments:
        known: of this directory; grows.

    Raises:
        UnreadableError: a file is missing, shorter than its header says, or holds something else than the record says.
    """
    if not array.files:
        return np.frombuffer(array.inline, array.dtype).reshape(array.shape)[:rows]
    parts = _located(directory, array, {} if known is None else known)
    if len(parts) == 1:
        ((file, tensor),) = parts
        return file.read(tensor, rows)
    return joined(array, parts)[:rows]


def check_array(directory: Path, array: schema.Array) -> None:
    """That the array is where it should be, without reading it.

    Raises:
        UnreadableError: as `read_array`.
    """
    if array.files:
        _located(directory, array, {})


def whole_file(path: Path) -> ArrayFile:
    """A file of arrays that holds nothing beyond them.

    Raises:
        UnreadableError: it is missing or damaged.
    """
    file = ArrayFile(path)
    size, start = file.header.size, file.header.start
    places = sorted((one.begin, one.end) for one in map(file.tensor, file.header.tensors))
    if [begin for begin, _ in places] + [size] != [start] + [end for _, end in places]:
        explained = start + sum(end - begin for begin, end in places)
        raise UnreadableError(f"{path.name} has {size:,} bytes, of which its header explains {explained:,}, each once.")
    return file


def _located(directory: Path, array: schema.Array, known: Known) -> list[tuple[ArrayFile, Tensor]]:
    """Its parts, which make it up; compared before anything is read."""
    for name in array.files:
        if name not in known:
            known[name] = ArrayFile(directory / name)
    files = [known[name] for name in array.files]
    parts = [file.tensor(array.tensor) for file in files]
    shape = parts[0].shape
    if len(parts) > 1 and all(part.shape[1:] == shape[1:] and part.shape for part in parts):
        shape = (sum(part.shape[0] for part in parts), *shape[1:])
    if shape != array.shape or any(part.dtype != array.dtype or part.shape[1:] != shape[1:] for part in parts):
        found = ", ".join(f"{part.dtype} {part.shape}" for part in parts[:4]) + (", …" if len(parts) > 4 else "")
        raise UnreadableError(
            f"{array.tensor!r:.200} in {listed(array.files)} is {found}; the snapshot says {array.dtype} {array.shape}."
        )
    return list(zip(files, parts, strict=True))


def listed(names: Sequence[str]) -> str:
    """A few of them, for a message."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4:,} more" if len(names) > 4 else "")
