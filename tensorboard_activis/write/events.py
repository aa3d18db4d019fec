"""The event file, framed by our own writer: TensorBoard's computes CRC32C in pure Python, at about 4 MB/s."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2

from tensorboard_activis import metadata
from tensorboard_activis.framing import framed


class EventWriter:
    """Appends blobs to one event file of its own in `directory`, which must exist.

    The file is made with the first blob: a logger that never logs leaves nothing behind.
    """

    def __init__(self, directory: Path, session: str) -> None:
        host = socket.gethostname().replace(os.sep, "-")
        self.path = directory / f"events.out.tfevents.{int(time.time()):010d}.{host}.{os.getpid()}.{session}"
        self._file: BinaryIO | None = None

    def write_blob(self, tag: str, step: int, blob: bytes, wall_time: float) -> None:
        """Appends one blob sequence of length 1; it is on disk when this returns.

        Raises:
            OSError: the disk is full, the directory is gone, … What was half written is cut off again.
        """
        tensor = tensor_pb2.TensorProto(
            dtype=types_pb2.DT_STRING,
            # Rank 1: RustBoard drops a blob sequence of rank 0, and the Python loader fails on it.
            tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]),
            string_val=[blob],
        )
        plugin = summary_pb2.SummaryMetadata.PluginData(
            plugin_name=metadata.PLUGIN_NAME, content=metadata.plugin_content()
        )
        value = summary_pb2.Summary.Value(
            tag=tag,
            tensor=tensor,
            metadata=summary_pb2.SummaryMetadata(
                plugin_data=plugin, data_class=summary_pb2.DataClass.DATA_CLASS_BLOB_SEQUENCE
            ),
        )
        event = event_pb2.Event(wall_time=wall_time, step=step, summary=summary_pb2.Summary(value=[value]))
        record = framed(event.SerializeToString())
        with self._appending(step) as file:
            file.write(record)

    @contextmanager
    def _appending(self, step: int) -> Iterator[BinaryIO]:
        if self._file is None or not self.path.exists():
            self.close()
            self._file = self.path.open("ab", buffering=0)
        file = self._file
        start = file.seek(0, os.SEEK_END)
        try:
            if start == 0:
                version = event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2")
                file.write(framed(version.SerializeToString()))
                # Of two events of one step TensorBoard's Python loader shows the older: a session's start makes it forget
                # what earlier sessions wrote from this step on.
                start_log = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
                begun = event_pb2.Event(wall_time=time.time(), step=step, session_log=start_log)
                file.write(framed(begun.SerializeToString()))
            yield file
            os.fsync(file.fileno())
        except OSError:
            # A torn record would stop TensorBoard's loader at this place for good.
            file.truncate(start)
            raise

    def close(self) -> None:
        """Closes the file; safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None
