"""A snapshot from its first batch to its publication."""

from collections.abc import Callable
from contextlib import ExitStack

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.collector import SnapshotCollector
from tensorboard_activis.capture.distributed.processes import OtherProcessError, Processes
from tensorboard_activis.capture.recorder import Recorder


class OpenSnapshot:
    """Collects batches into a snapshot, which `publish` writes and `discard` drops; either must be called.

    With several processes, all add batches at the same time, and those that have fewer join in `complete`.

    Arguments:
        recorder: gives the recorder when the first batch is there, by which it may only be known what is recorded.
        step: training step.
        processes: that log together.
        empty: gives the record of a batch without instances.
        dry: batches are checked, and nothing is written.
    """

    def __init__(
        self,
        recorder: Callable[[], Recorder],
        step: int,
        processes: Processes,
        empty: Callable[[], BatchRecord],
        *,
        dry: bool = False,
    ) -> None:
        self._recorder, self._step, self._processes, self._empty = recorder, step, processes, empty
        self._is_single = processes.size == 1
        self._dry, self._is_discarded = dry, False
        self._stack = ExitStack()
        self._notes: list[str] = []
        self._collector: SnapshotCollector | None = None

    def open(self) -> SnapshotCollector:
        """The collector, from now on."""
        if self._collector is None:
            self._collector = self._stack.enter_context(self._recorder().snapshot(self._step))
        return self._collector

    def add(self, batch: BatchRecord) -> None:
        """Adds a batch; see `SnapshotCollector.add`."""
        self._processes.any(True)
        if self._dry:
            self._recorder().check(batch)
        else:
            self.open().add(batch)

    def complete(self) -> None:
        """Adds empty batches until no other process adds any.

        Raises:
            ActiVisError: another process failed.
        """
        while not self._is_single and self._processes.any(False):
            empty = self._empty()
            if self._dry:
                self._recorder()  # which all processes make together
            else:
                self.open().add(empty)

    def note(self, text: str) -> None:
        """Adds a note, which the snapshot shows."""
        self._notes.append(text)

    def publish(self) -> None:
        """Writes the snapshot.

        Raises:
            ActiVisError: see `Recorder.snapshot`.
            OSError: a file cannot be written.
        """
        if not self._dry:
            self.open().collected.notes += self._notes
        self._stack.close()

    def discard(self, error: BaseException) -> None:
        """Drops the snapshot, because of an error, which other processes get as well; safe to call twice."""
        if self._is_discarded:
            return
        self._is_discarded = True
        if self._collector is not None:
            self._stack.__exit__(type(error), error, error.__traceback__)
        elif not self._is_single and not isinstance(error, OtherProcessError):
            self._inform(error)

    def _inform(self, error: BaseException) -> None:
        try:
            with self._processes.collective():
                raise error
        except BaseException as raised:
            if raised is not error:
                raise
