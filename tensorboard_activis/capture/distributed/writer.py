"""Writes a snapshot from several processes: each writes its part of the instances, the first also what all have in common."""

import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.stores.path import Location
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.instances import InstanceWriter
from tensorboard_activis.write.tensors import Values

#: Seconds until a file that another machine wrote must be visible.
_VISIBLE_WITHIN = 5.0


class DistributedWriter:
    """Writes arrays and tables that are partitioned by instances over processes. All call the same methods in the same order.

    Arguments:
        processes: the processes that write.
        arrays: writer of this process's file.
        counts: how many instances each process has.
    """

    def __init__(self, processes: Processes, arrays: ArrayWriter, counts: Sequence[int]) -> None:
        self._processes, self._arrays, self._counts = processes, arrays, counts
        #: Index of the first instance that this process writes.
        self.first_instance = sum(counts[: processes.rank])
        names = [data.decode() for data in processes.all_gather(arrays.name.encode())]
        self._files = tuple(name for name, count in zip(names, counts, strict=True) if count)

    def add_partitioned(self, name: str, values: Values) -> schema.Array:
        """Adds an array of which every process has the part of its own instances, [instances, ...]."""
        total = sum(self._counts)
        instance_bytes = values.dtype.itemsize * int(np.prod(values.shape[1:], dtype=np.int64))
        if self._arrays.fits(total * instance_bytes):
            array = values if isinstance(values, np.ndarray) else values.array()
            parts = self._processes.all_gather(array.tobytes())
            whole = np.frombuffer(b"".join(parts), values.dtype).reshape(total, *values.shape[1:])
            return self._arrays.add(name, whole)
        if values.shape[0]:
            self._arrays.hold(name, values)
        return schema.Array(values.dtype.name, (total, *values.shape[1:]), tensor=name, files=self._files)

    def add_replicated(self, name: str, values: np.ndarray) -> schema.Array:
        """Adds an array that is the same in all processes, such as a summary."""
        if self._processes.rank == 0 or self._arrays.fits(values.nbytes):
            return self._arrays.add(name, values)
        return schema.Array(values.dtype.name, values.shape, tensor=name, files=self._files[:1])

    def close(self, instances: InstanceWriter, table: pa.Table) -> tuple[str, ...]:
        """Writes this process's part, and returns the names of all parts of the table, in order; they are written when it returns.

        Raises:
            ActiVisError: the files of other processes are not visible here.
            OSError: something cannot be written.
        """
        if self._processes.size > 1:
            # The type of a column may differ between parts, for all of its values may be missing in one.
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
            _check_visible(self._arrays.directory, (*tables, *files))
        return tables


def _encoded(columns: pa.Schema) -> bytes:
    data: bytes = columns.serialize().to_pybytes()
    return data


def _check_visible(directory: Location, names: Sequence[str]) -> None:
    end = time.monotonic() + _VISIBLE_WITHIN
    while missing := [name for name in names if not (directory / name).exists()]:
        if time.monotonic() > end:
            raise ActiVisError(
                f"{missing[0]} was written by another process, but is not in {directory} as this one sees it. log_dir must "
                "be on a file system that all processes share."
            )
        time.sleep(0.1)
