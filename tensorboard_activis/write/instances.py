"""Writes the table of kept instances to a Parquet file, which all steps with the same instances share."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tensorboard_activis import metadata
from tensorboard_activis.files import open_own, own_opener
from tensorboard_activis.write.replacing import replacing


class InstanceWriter:
    """Writes tables of instances into `directory`; equal tables are written once, and encoded once if they follow each other."""

    def __init__(self, directory: Path) -> None:
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
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        content = sink.getvalue().to_pybytes()
        name = metadata.instances_file(content)
        path = self._directory / name
        if not _is_whole(path):
            with replacing(path) as partial, open(partial, "wb", opener=own_opener) as file:
                file.write(content)
        self._latest = digest, name
        return name


def _digest(table: pa.Table) -> bytes:
    """A hash of the table's schema and values, which takes a tenth of the time of encoding it."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return hashlib.blake2b(memoryview(sink.getvalue()), digest_size=16).digest()


def _is_whole(path: Path) -> bool:
    """Whether the file exists, is no link, and has the content that its name says."""
    try:
        with open_own(path) as file:
            return metadata.instances_file(file.read()) == path.name
    except OSError:
        return False
