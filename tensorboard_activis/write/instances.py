"""Writes the table of kept instances to a Parquet file, which all steps with the same instances share."""

import hashlib
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tensorboard_activis import metadata
from tensorboard_activis.files import open_own, own_opener
from tensorboard_activis.stores.path import Location, StorePath
from tensorboard_activis.write.replacing import unfinished

#: Bytes of a file that are read at a time.
_BLOCK = 1 << 20


class InstanceWriter:
    """Writes tables of instances into `directory`; equal tables are written once, and encoded once if they follow each other."""

    def __init__(self, directory: Location) -> None:
        self._directory = directory
        self._latest: tuple[bytes, str] | None = None  # digest of the latest table, and its file

    def write(self, table: pa.Table) -> str:
        """Writes the table unless its file exists, and returns the file's name.

        Raises:
            OSError: disk full, directory gone, …; nothing is left under the final name.
        """
        digest = _digest(table)
        if self._latest is not None and self._latest[0] == digest and _is_whole(self._directory / self._latest[1]):
            return self._latest[1]
        with unfinished(self._directory, f"instances-{digest.hex()}.parquet") as (partial, finish):
            with open(partial, "wb", opener=own_opener) as file:
                pq.write_table(table, file, compression="zstd")
            name = _name_of(partial)
            if not _is_whole(self._directory / name):
                finish(name)
        self._latest = digest, name
        return name


def _digest(table: pa.Table) -> bytes:
    """A hash of the table's schema and values, which takes a tenth of the time of encoding it."""
    sink = _HashingFile()
    with pa.PythonFile(sink, "w") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return sink.digest


class _HashingFile(io.RawIOBase):
    """A file that keeps nothing but a hash of what is written."""

    def __init__(self) -> None:
        super().__init__()
        self._hash = hashlib.blake2b(digest_size=16)

    @property
    def digest(self) -> bytes:
        return self._hash.digest()

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        self._hash.update(content)
        return memoryview(content).nbytes


def _is_whole(path: Location) -> bool:
    """Whether the file exists, is no link, and has the content that its name says. An object of a store is whole, if it exists."""
    try:
        if isinstance(path, StorePath):
            return path.exists()
        return _name_of(path) == path.name
    except OSError:
        return False


def _name_of(path: Path) -> str:
    """The name that goes with a file's content. Raises OSError."""
    with open_own(path) as file:
        return metadata.instances_file(iter(lambda: file.read(_BLOCK), b""))
