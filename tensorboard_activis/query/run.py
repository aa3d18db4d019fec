"""A run as `tensorboard_activis.open_run` returns it."""

import os

from tensorboard_activis import schema
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.read import run


class Run(run.Run):
    """What was logged into one run directory; its snapshots answer questions. Read anew by `reload`.

    Attributes:
        problems: in words, what could not be read; everything else can.
    """

    def _reader(self, record: schema.Snapshot) -> Snapshot:
        return Snapshot(record, self.directory, lambda: [self.snapshot(step) for step in self.steps])

    @property
    def latest(self) -> Snapshot:
        """The snapshot of the highest step."""
        snapshot = super().latest
        assert isinstance(snapshot, Snapshot)
        return snapshot

    def snapshot(self, step: int) -> Snapshot:
        """The snapshot of one step.

        Raises:
            NotFoundError: nothing was logged at this step.
        """
        snapshot = super().snapshot(step)
        assert isinstance(snapshot, Snapshot)
        return snapshot


def open_run(path: str | os.PathLike[str]) -> Run:
    """Opens what was logged to a run, given the `log_dir` of the callback.

    Raises:
        NotFoundError: nothing was logged there.
    """
    return Run(run.find_directory(path))
