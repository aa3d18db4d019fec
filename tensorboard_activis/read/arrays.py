"""Reads the arrays that a snapshot's record refers to, from one file or several, and checks their types and shapes."""

from collections.abc import Sequence

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.files import COPY_AGAIN
from tensorboard_activis.read.array_file import ArrayFile, Tensor
from tensorboard_activis.read.concatenated import concatenate
from tensorboard_activis.read.thinned import stand_in, thinned_error
from tensorboard_activis.stores.path import Location

#: Open files by name: thousands of arrays may lie in one file.
ArrayFiles = dict[str, ArrayFile]


def read_array(
    directory: Location, array: schema.Array, rows: int | None = None, files_by_name: ArrayFiles | None = None
) -> np.ndarray:
    """Reads an array, or its first `rows` rows, read-only, of the recorded shape and type; a large one is a view of a mapped file.

    Arguments:
        files_by_name: files of this directory that are open already; files that this call opens are added.

    Raises:
        UnreadableError: a file is missing or truncated, or its type or shape differs from the record.
        ThinnedError: the array was of single instances, and its snapshot was thinned.
    """
    if not array.files:
        return np.frombuffer(array.inline, array.dtype).reshape(array.shape)[:rows]
    parts = _located(directory, array, {} if files_by_name is None else files_by_name)
    if len(parts) == 1:
        ((file, tensor),) = parts
        return file.read(tensor, rows)
    return concatenate(array, parts)[:rows]


def check_array(directory: Location, array: schema.Array) -> None:
    """Checks that the array exists and has the recorded type and shape, without reading its data.

    Raises:
        UnreadableError: as `read_array`.
    """
    if array.files:
        _located(directory, array, {})


def whole_file(path: Location) -> ArrayFile:
    """Opens a safetensors file and checks that its arrays cover all of its bytes, each once.

    Raises:
        UnreadableError: the file is missing or damaged.
    """
    file = ArrayFile(path)
    size, start = file.header.size, file.header.start
    places = sorted((tensor.begin, tensor.end) for tensor in map(file.tensor, file.header.tensors))
    if [begin for begin, _ in places] + [size] != [start] + [end for _, end in places]:
        explained = start + sum(end - begin for begin, end in places)
        raise UnreadableError(
            f"{path.name} has {size:,} bytes. The arrays that its header lists take {explained:,}, leave gaps or overlap. "
            f"{COPY_AGAIN}"
        )
    return file


def _located(directory: Location, array: schema.Array, files_by_name: ArrayFiles) -> list[tuple[ArrayFile, Tensor]]:
    """Finds the parts of an array in its files, and checks that together they have the recorded type and shape."""
    files = _opened(directory, array, files_by_name)
    parts = [file.tensor(array.tensor) for file in files]
    shape = parts[0].shape
    if len(parts) > 1 and all(part.shape[1:] == shape[1:] and part.shape for part in parts):
        shape = (sum(part.shape[0] for part in parts), *shape[1:])
    if shape != array.shape or any(part.dtype != array.dtype or part.shape[1:] != shape[1:] for part in parts):
        shapes = ", ".join(f"{part.dtype} {part.shape}" for part in parts[:4]) + (", …" if len(parts) > 4 else "")
        raise UnreadableError(
            f"{array.tensor!r:.200} in {listed(array.files)} is {shapes}; the snapshot says {array.dtype} {array.shape}. "
            f"{COPY_AGAIN}"
        )
    return list(zip(files, parts, strict=True))


def _opened(directory: Location, array: schema.Array, files_by_name: ArrayFiles) -> list[ArrayFile]:
    """The files that an array lies in; for a thinned snapshot the one file that holds what is left of it."""
    try:
        for name in array.files:
            if name not in files_by_name:
                files_by_name[name] = ArrayFile(directory / name)
        return [files_by_name[name] for name in array.files]
    except UnreadableError:
        left = stand_in(directory, array.files)
        if left is None:
            raise
        file = files_by_name.setdefault(left, ArrayFile(directory / left))
        if array.tensor not in file.header.tensors:
            raise thinned_error(array.files[0], file) from None
        return [file]


def listed(names: Sequence[str]) -> str:
    """The first four names, and how many more there are, for an error message."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4:,} more" if len(names) > 4 else "")
