"""A logged run in Python: what `tensorboard_activis.open_run` returns."""

import os

from tensorboard_activis import schema
from tensorboard_activis.query.contract import Records
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.health.marks import Mark, marks
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.read import run
from tensorboard_activis.stores.path import StorePath


class Run(run.Run):
    """A logged run, whose snapshots have the queries of the tab as methods. `reload` reads it again.

    Attributes:
        directory: the directory with the event files.
        problems: messages about what could not be read; everything else can.
    """

    def _reader(self, record: schema.Snapshot) -> Snapshot:
        return Snapshot(record, self.directory, lambda: [self.snapshot(step) for step in self.steps])

    @property
    def latest(self) -> Snapshot:
        """The snapshot of the highest step. Raises NotFoundError when there is none."""
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

    @property
    def steps_with_instances(self) -> list[int]:
        """The steps that keep the activations of their instances, ascending: all, unless the run was thinned (`keep=`)."""
        return [step for step in self.steps if self.snapshot(step).remains is None]

    def findings(self) -> Records[Finding]:
        """What is wrong with the model at the latest step, see `Snapshot.findings`. Raises NotFoundError when there is none."""
        return self.latest.findings()

    def health_marks(self) -> Records[Mark]:
        """What stands out in training health, by its first step. Raises NotFoundError where none was recorded."""
        return marks(self.health)


def open_run(path: str | os.PathLike[str] | StorePath) -> Run:
    """Opens a logged run, given the `log_dir` of the callback: a directory, or an address such as s3://bucket/run1.

    Raises:
        NotFoundError: nothing was logged there.
    """
    return Run(run.find_directory(path))
