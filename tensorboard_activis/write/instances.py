"""Writes the table of kept instances to a Parquet file, which all steps with the same instances share."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tensorboard_activis import metadata
from tensorboard_activis.files import open_own, own_opener
from tensorboard_activis.write.replacing import replacing


class InstanceWriter:
    """Writes tables of instances into `directory`; equal tables are written once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, table: pa.Table) -> str:
        """Writes the table unless its file exists, and returns the file's name.

        Raises:
            OSError: disk full, directory gone, …; nothing is left under the final name.
        """
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        content = sink.getvalue().to_pybytes()
        name = metadata.instances_file(content)
        path = self._directory / name
        if not _has_content(path, content):
            with replacing(path) as partial, open(partial, "wb", opener=own_opener) as file:
                file.write(content)
        return name


def _has_content(path: Path, content: bytes) -> bool:
    """Whether the file exists with exactly this content and is no link."""
    try:
        with open_own(path) as file:
            return os.fstat(file.fileno()).st_size == len(content) and file.read() == content
    except OSError:
        return False
