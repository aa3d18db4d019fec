"""Where the arrays of a snapshot go when several processes write it: rows to each one's file, the rest to the first one's."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.capture.processes import Processes
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.instances import InstanceWriter

#: So many seconds a file may take to be seen from another machine.
_SEEN = 5.0


class DistributedWriter:
    """Arrays and tables of which each process holds some rows. All call the same methods in the same order.

    Arguments:
        processes: those that write.
        arrays: this process's file.
        counts: how many rows each of them holds.
    """

    def __init__(self, processes: Processes, arrays: ArrayWriter, counts: Sequence[int]) -> None:
        self._processes, self._arrays, self._counts = processes, arrays, counts
        names = [data.decode() for data in processes.all_gather(arrays.name.encode())]
        self._files = tuple(name for name, count in zip(names, counts, strict=True) if count)

    def rows(self, name: str, values: np.ndarray) -> schema.Array:
        """An array [instances, ...], of which this process has its rows."""
        total = sum(self._counts)
        row = values.dtype.itemsize * int(np.prod(values.shape[1:], dtype=np.int64))
        if self._arrays.fits(total * row):
            parts = self._processes.all_gather(np.ascontiguousarray(values).tobytes())
            whole = np.frombuffer(b"".join(parts), values.dtype).reshape(total, *values.shape[1:])
            return self._arrays.add(name, whole)
        if len(values):
            self._arrays.hold(name, values)
        return schema.Array(values.dtype.name, (total, *values.shape[1:]), tensor=name, files=self._files)

    def whole(self, name: str, values: np.ndarray) -> schema.Array:
        """An array that is the same on all of them, such as a summary."""
        if self._processes.rank == 0 or self._arrays.fits(values.nbytes):
            return self._arrays.add(name, values)
        return schema.Array(values.dtype.name, values.shape, tensor=name, files=self._files[:1])

    def close(self, instances: InstanceWriter, table: pa.Table) -> tuple[str, ...]:
        """Writes this process's part; when it returns, all parts are written. Gives the names of the tables, in order.

        Raises:
            ActiVisError: the parts of other processes are not to be seen from here.
            OSError: something cannot be written.
        """
        if self._processes.size > 1:
            # What a column holds may differ from part to part: none of its values may be missing, or all.
            schemas = [
                pa.ipc.read_schema(pa.py_buffer(data)) for data in self._processes.all_gather(_encoded(table.schema))
            ]
            table = table.cast(pa.unify_schemas(schemas, promote_options="permissive"))
        name = instances.write(table) if table.num_rows else ""
        self._arrays.close()
        tables = tuple(data.decode() for data in self._processes.all_gather(name.encode()) if data)
        files = [
            data.decode()
            for data in self._processes.all_gather(self._arrays.holds * self._arrays.name.encode())
            if data
        ]
        if self._processes.rank == 0:
            _check_seen(self._arrays.directory, (*tables, *files))
        return tables


def _encoded(columns: pa.Schema) -> bytes:
    data: bytes = columns.serialize().to_pybytes()
    return data


def _check_seen(directory: Path, names: Sequence[str]) -> None:
    end = time.monotonic() + _SEEN
    while missing := [name for name in names if not (directory / name).exists()]:
        if time.monotonic() > end:
            raise ActiVisError(
                f"{missing[0]} was written by another process, but is not in {directory} as this one sees it. log_dir must "
                "be on a file system that all processes share."
            )
        time.sleep(0.1)
