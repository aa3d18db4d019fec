"""Projections that follow each other over the steps, kept so that moving the step is quick."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.classes import is_classes, label_values
from tensorboard_activis.query.projection import Projection, fix_signs, follow, pca
from tensorboard_activis.query.tsne import available, tsne
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.cache import Cache
from tensorboard_activis.serve.jobs import Job, Jobs

#: Values of all steps that may be projected to give one its orientation.
_BUDGET = 20_000_000
_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Layout:
    """A t-SNE layout as far as it is: `xy` float32 [instances, 2], the job's state and the share that is done."""

    xy: np.ndarray
    state: str
    progress: float


class Projections:
    """PCA of layers, at once, and t-SNE, in the background.

    PCA's signs are those of the step before, the first step's are fixed by its labels; t-SNE begins where the step before ended,
    or at PCA's places.
    """

    def __init__(self) -> None:
        self._jobs: Jobs[np.ndarray] = Jobs()
        self._cache: Cache[Projection] = Cache(_BYTES)

    def pca(self, snapshots: Sequence[SnapshotReader], layer: str) -> Projection:
        """The projection of the last of these snapshots of one run, steps ascending.

        Raises NotFoundError when it does not hold the layer; earlier ones that do not are passed over.
        """
        last = snapshots[-1]
        last.layer(layer)
        values = max(1, last.record.kept * last.layer(layer).info.neurons)
        before = [one for one in snapshots[:-1] if self._comparable(one, last, layer)]
        before = before[max(0, len(before) - _BUDGET // values) :]
        previous: Projection | None = None
        for snapshot in [*before, last]:
            key = (snapshot.record.session, snapshot.record.step, layer, previous is not None)
            previous = self._cache.get(key, partial(_project, snapshot, layer, previous), _size)
        assert previous is not None
        return previous

    def tsne(self, snapshots: Sequence[SnapshotReader], layer: str, *, cancel: bool = False) -> Layout:
        """The layout of the last of these snapshots as far as it is, begun when it is asked for first.

        Raises NotFoundError, QueryError when t-SNE is not installed or failed, TooLargeError when too many wait.
        """
        last = snapshots[-1]
        start = self.pca(snapshots, layer).xy
        key = _key(last, layer)
        if cancel:
            job = self._jobs.cancel(key)
            return Layout(start, "cancelled", 0.0) if job is None else _layout(job, start)
        if not available():
            raise QueryError("t-SNE needs openTSNE. Install it beside TensorBoard: pip install openTSNE")
        initial = start
        for before in reversed(snapshots[:-1]):
            earlier = self._jobs.find(_key(before, layer))
            if earlier is not None and earlier.state == "done" and earlier.result is not None:
                initial = earlier.result if self._comparable(before, last, layer) else start
                break
        job = self._jobs.find(key)
        if job is not None and job.state == "failed":
            self._jobs.forget(key)
            raise QueryError(f"t-SNE failed: {job.problem}")
        job = self._jobs.ask(key, lambda job: tsne(last.activations(layer), initial, job.report))
        return _layout(job, start)

    @staticmethod
    def _comparable(snapshot: SnapshotReader, last: SnapshotReader, layer: str) -> bool:
        return layer in snapshot.layers and snapshot.record.instances == last.record.instances


def _key(snapshot: SnapshotReader, layer: str) -> tuple[str, int, str]:
    return snapshot.record.session, snapshot.record.step, layer


def _layout(job: Job[np.ndarray], start: np.ndarray) -> Layout:
    return Layout(start if job.result is None else job.result, job.state, job.progress)


def _project(snapshot: SnapshotReader, layer: str, previous: Projection | None) -> Projection:
    found = pca(snapshot.activations(layer))
    if previous is not None and previous.xy.shape == found.xy.shape:
        return Projection(follow(found.xy, previous.xy), found.explained)
    labels = label_values(snapshot)
    return Projection(fix_signs(found.xy, labels if is_classes(labels) else None), found.explained)


def _size(projection: Projection) -> int:
    return int(np.asarray(projection.xy).nbytes)
