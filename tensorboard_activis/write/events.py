"""Writes event files. Not with TensorBoard's writer, which computes CRC32C in pure Python, at about 4 MB/s."""

import errno
import io
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tensorboard.compat.proto import event_pb2, summary_pb2, types_pb2

from tensorboard_activis import metadata
from tensorboard_activis.files import is_own, own_opener
from tensorboard_activis.framing import framed
from tensorboard_activis.stores.path import Location
from tensorboard_activis.write.clock import Clock, session_start
from tensorboard_activis.write.replacing import replacing


class EventWriter:
    """Appends blobs to an event file of its own in `directory`, which must exist.

    The file is made with the first blob: a logger that never logs leaves nothing behind. It appears as a whole, under its
    name: a session's start makes TensorBoard forget later steps of earlier sessions, so it must not be there without the
    snapshot that comes for them. After a fault the next blob begins another file: a reader may hold the first half of what
    was cut off again. So does a step that is not above the last one, with a start of its own: of two events of one step
    TensorBoard's Python loader shows the older, unless a start makes it forget that one.

    Attributes:
        path: the file that the next blob goes to.
        reached: whether the last blobs are in a file. False after a fault, unless they could not be taken back.
    """

    def __init__(self, directory: Location, session: str, clock: Clock | None = None) -> None:
        self._directory, self._session = directory, session
        self._clock = clock or Clock(directory)
        start = session_start(session)
        self._start = int(self._clock.now() if start is None else start)
        self._file: io.FileIO | None = None
        self._count = 0
        self._started = self.reached = False
        self._steps: dict[str, int] = {}
        #: Training health is of the steps before this one: a session's start must leave them.
        self._beyond = 0
        self._last: Location | None = None
        self.path = self._next_path()

    def _next_path(self) -> Location:
        """TensorBoard's loaders read the files of a directory in the order of their names.

        So the session comes before host and process: of two sessions in one second the later one may have the lower number.
        The time is the session's start in every file of a session, however late the file is begun: the clock may be set back
        before the next session, and sessions of runs that are copied into one directory may have overlapped.
        """
        host = socket.gethostname().replace(os.sep, "-")
        name = f"{self._start:010d}.{self._session}.{self._count:06d}.{host}.{os.getpid()}"
        return self._directory / f"events.out.tfevents.{name}"

    @property
    def is_lost(self) -> bool:
        """Whether the file that was written last is not there any more, or another file or a link is in its place."""
        if not isinstance(self._last, Path):
            return False
        if not self._last.is_file() or self._last.is_symlink():
            return True
        return self._file is not None and not os.path.samestat(os.fstat(self._file.fileno()), self._last.stat())

    @property
    def is_begun(self) -> bool:
        """Whether the next blob goes to a file that is there."""
        return self.path.exists()

    def goes_back(self, tag: str, step: int) -> bool:
        """Whether this step is not above the last one of the tag, so that a start is written before it.

        The start makes TensorBoard forget every tag's events from this step on, so all that still counts must come with it.
        """
        return step <= self._steps.get(tag, -1)

    def write_blob(self, tag: str, step: int, blob: bytes, wall_time: float) -> None:
        """Appends one blob sequence of length 1; see `write_blobs`."""
        self.write_blobs({tag: blob}, step, wall_time)

    def write_blobs(
        self,
        blobs: Mapping[str, bytes],
        step: int,
        wall_time: float,
        *,
        beside: bool = False,
    ) -> None:
        """Appends a blob sequence of length 1 for each tag; they are on disk when this returns.

        Arguments:
            beside: what is written counts steps of its own, as training health does, which are not those of snapshots: it
                neither makes a session start nor is forgotten at the start of one that comes after it.

        Raises:
            OSError: the disk is full, the directory is gone, … What was half written is cut off again.
        """
        self.reached = False
        events = [_event(tag, blob, step, wall_time) for tag, blob in blobs.items()]
        records = b"".join(framed(event.SerializeToString()) for event in events)
        if beside:
            self._append(records, None)
            self._beyond = max(self._beyond, step + 1)
            return
        if any(self.goes_back(tag, step) for tag in blobs):
            self._begin_next_file()
            self._started = False
        try:
            self._append(records, max(step, self._beyond))
        finally:
            if self.reached:
                self._steps = {tag: last for tag, last in self._steps.items() if last < step}
                self._steps |= dict.fromkeys(blobs, step)

    def write_scalars(self, scalars: Sequence[tuple[str, float]], step: int, wall_time: float) -> None:
        """Appends scalars (tag, value) of a snapshot that was written before. Raises OSError."""
        events = (_scalar_event(tag, value, step, wall_time) for tag, value in scalars)
        self._append(b"".join(framed(event.SerializeToString()) for event in events), None)

    def _append(self, records: bytes, start: int | None) -> None:
        """Appends records, behind the start of the session at the step `start` if it was not written yet; None: without it."""
        assert isinstance(self.path, Path)
        try:
            if is_own(self.path) and not self.is_lost:
                self._extend(self._start_record(start) + records)
            else:
                if os.path.lexists(self.path):  # a link, or a file of two names: neither is written to, nor replaced
                    self.close()
                    self._count += 1
                    self.path = self._next_path()
                self._begin(records, start)
            self._started |= start is not None
            self._last = self.path
        except BaseException:
            self._begin_next_file()
            raise

    def _begin_next_file(self) -> None:
        """Leaves the file as it is: the next blob goes to another one, which sorts behind it."""
        self.close()
        self._count += 1
        self.path = self._next_path()

    def _begin(self, records: bytes, start: int | None) -> None:
        self.close()
        self._started &= not self.is_lost
        assert isinstance(self._directory, Path)
        content = file_beginning(self._clock) + self._start_record(start) + records
        path = self._directory / metadata.partial_events_name(self._session)
        try:
            with replacing(self.path, path) as partial, io.FileIO(partial, "wb", opener=own_opener) as file:
                _write(file, content)
                self.reached = True
        except BaseException:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)  # an interrupt comes as late as it likes
                self.reached = False
            raise

    def _extend(self, records: bytes) -> None:
        if self._file is None:
            assert isinstance(self.path, Path)
            self._file = io.FileIO(self.path, "ab", opener=own_opener)
        file = self._file
        whole = file.seek(0, os.SEEK_END)
        self.reached = True
        try:
            _write(file, records)
            os.fsync(file.fileno())
        except BaseException:
            # A torn record would stop TensorBoard's loaders at this place for good.
            with suppress(OSError):
                file.truncate(whole)
                self.reached = False
            raise

    def _start_record(self, step: int | None) -> bytes:
        """The start of the session as a record, where it is still to be written; else nothing."""
        if self._started or step is None:
            return b""
        # Of two events of one step TensorBoard's Python loader shows the older: a start makes it forget what was
        # written before from this step on.
        start_log = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        event = event_pb2.Event(wall_time=self._clock.now(), step=step, session_log=start_log)
        return framed(event.SerializeToString())

    def close(self) -> None:
        """Closes the file; safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None


def file_beginning(clock: Clock) -> bytes:
    """What every event file begins with."""
    return framed(event_pb2.Event(wall_time=clock.now(), file_version="brain.Event:2").SerializeToString())


def _event(tag: str, blob: bytes, step: int, wall_time: float) -> event_pb2.Event:
    """An event with one blob. It is filled in place: assigning a message to a field copies it, and blobs are large."""
    event = event_pb2.Event(wall_time=wall_time, step=step)
    value = event.summary.value.add(tag=tag)
    value.metadata.plugin_data.plugin_name = metadata.PLUGIN_NAME
    value.metadata.plugin_data.content = metadata.plugin_content()
    value.metadata.data_class = summary_pb2.DataClass.DATA_CLASS_BLOB_SEQUENCE
    value.tensor.dtype = types_pb2.DT_STRING
    # Rank 1: RustBoard drops a blob sequence of rank 0, and the Python loader fails on it.
    value.tensor.tensor_shape.dim.add(size=1)
    value.tensor.string_val.append(blob)
    return event


def _scalar_event(tag: str, value: float, step: int, wall_time: float) -> event_pb2.Event:
    """An event with one scalar, as TensorBoard's own dashboards show it."""
    event = event_pb2.Event(wall_time=wall_time, step=step)
    one = event.summary.value.add(tag=tag)
    one.metadata.plugin_data.plugin_name = "scalars"
    one.metadata.data_class = summary_pb2.DataClass.DATA_CLASS_SCALAR
    one.tensor.dtype = types_pb2.DT_FLOAT
    one.tensor.float_val.append(value)
    return event


def _write(file: io.FileIO, content: bytes) -> None:
    """Writes all of it: a disk that runs full takes a part without an error, and says so at the next write only."""
    left = memoryview(content)
    while left:
        written = file.write(left)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file.name))
        left = left[written:]
