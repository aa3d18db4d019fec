"""Writes safetensors files (https://github.com/huggingface/safetensors) block by block, so that no array is copied as a whole."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import google_crc32c
import numpy as np

from tensorboard_activis.checksums import checksum_key
from tensorboard_activis.files import own_opener

_DTYPES = {
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
    "int32": "I32",
    "int64": "I64",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
}
#: Bytes of an array that are written at a time: they are still in the processor's cache when their checksum is taken.
_BLOCK = 1 << 20
_NO_NOTES: Mapping[str, str] = MappingProxyType({})


class Blocks(Protocol):
    """An array that is made in blocks: these follow each other along the first axis."""

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def array(self) -> np.ndarray:
        """All of it, in memory."""

    def blocks(self) -> Iterator[np.ndarray]:
        """The blocks [rows, ...]."""


Values = np.ndarray | Blocks


def write_tensors(path: Path, tensors: Mapping[str, Values], notes: Mapping[str, str] = _NO_NOTES) -> None:
    """Writes arrays into an existing file, with a CRC32C of each in the header.

    Arguments:
        path: of the file, which is no link; what it holds is replaced.
        tensors: by name, of a type in `array_codec.DTYPES`.
        notes: further texts for the metadata of the header, by key.

    Raises:
        OSError: the disk is full, …
    """
    # Wide types first, so that each array is aligned to its type; this is what other readers and writers of the format expect.
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    checksums = dict.fromkeys(names, 0)
    with open(path, "wb", opener=own_opener) as file:
        file.write(bytes(len(_header(tensors, checksums, notes))))
        for name in names:
            for content in _contents(tensors[name]):
                for start in range(0, content.size, _BLOCK):
                    block = content[start : start + _BLOCK]
                    checksums[name] = google_crc32c.extend(checksums[name], block.tobytes())
                    file.write(block.data)
        file.seek(0)
        file.write(_header(tensors, checksums, notes))


def _contents(values: Values) -> Iterator[np.ndarray]:
    """The bytes of an array, in blocks: uint8 [bytes]."""
    for block in [values] if isinstance(values, np.ndarray) else values.blocks():
        if block.size:
            little = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
            yield little.reshape(-1).view(np.uint8)


def _header(tensors: Mapping[str, Values], checksums: Mapping[str, int], notes: Mapping[str, str]) -> bytes:
    """The header, whose length does not depend on the checksums: the arrays in the order of these."""
    entries: dict[str, Any] = {
        "__metadata__": {checksum_key(name): f"{crc:08x}" for name, crc in checksums.items()} | dict(notes)
    }
    offset = 0
    for name in checksums:
        dtype, shape = tensors[name].dtype, tensors[name].shape
        size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        entries[name] = {"dtype": _DTYPES[dtype.name], "shape": shape, "data_offsets": (offset, offset + size)}
        offset += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
