"""A snapshot from its first batch to its publication."""

from collections.abc import Callable
from contextlib import ExitStack

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.collector import SnapshotCollector
from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.recorder import Recorder


class OpenSnapshot:
    """Collects batches into a snapshot, which `publish` writes and `discard` drops; either must be called.

    Arguments:
        recorder: gives the recorder when the first batch is there, by which it may only be known what is recorded.
        step: training step.
        processes: that log together.
        dry: batches are checked, and nothing is written.
    """

    def __init__(self, recorder: Callable[[], Recorder], step: int, processes: Processes, *, dry: bool = False) -> None:
        self._recorder, self._step, self._processes, self._dry = recorder, step, processes, dry
        self._stack = ExitStack()
        self._collector: SnapshotCollector | None = None

    def open(self) -> SnapshotCollector:
        """The collector, from now on."""
        if self._collector is None:
            self._collector = self._stack.enter_context(self._recorder().snapshot(self._step))
        return self._collector

    def add(self, batch: BatchRecord) -> None:
        """Adds a batch; see `SnapshotCollector.add`."""
        if self._dry:
            self._recorder().check(batch)
        else:
            self.open().add(batch)

    def note(self, text: str) -> None:
        """Adds a note, which the snapshot shows."""
        if not self._dry:
            self.open().collected.notes.append(text)

    def publish(self) -> None:
        """Writes the snapshot.

        Raises:
            ActiVisError: see `Recorder.snapshot`.
            OSError: a file cannot be written.
        """
        if not self._dry:
            self.open()
        self._stack.close()

    def discard(self, error: BaseException) -> None:
        """Drops the snapshot, because of an error, which other processes get as well."""
        if self._collector is not None:
            self._stack.__exit__(type(error), error, error.__traceback__)
        elif not self._dry and self._processes.size > 1:
            self._inform(error)

    def _inform(self, error: BaseException) -> None:
        try:
            with self._processes.collective():
                raise error
        except BaseException as raised:
            if raised is not error:
                raise
