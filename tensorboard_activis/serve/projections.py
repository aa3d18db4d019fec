"""Projections of layers: principal components at once and t-SNE in the background, kept so that moving the step is quick."""

from collections.abc import Callable, Hashable, Sequence
from typing import cast

import numpy as np

from tensorboard_activis.errors import ActiVisError, QueryError
from tensorboard_activis.query.projection.continuity import comparable, continuous_pca, continuous_tsne, kept_tsne
from tensorboard_activis.query.projection.disk_cache import DiskCache, cache_directory
from tensorboard_activis.query.projection.pca import Projection, ProjectionState
from tensorboard_activis.query.projection.tsne import available
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.cache import Cache
from tensorboard_activis.serve.jobs import Job, Jobs
from tensorboard_activis.serve.places import Places

_BYTES = 64 << 20


class Projections:
    """PCA follows the signs of the step before; t-SNE begins where the step before ended, or at PCA's places.

    What is not kept yet is computed in one of the `places`.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._jobs: Jobs[np.ndarray] = Jobs(lambda xy: xy.nbytes)
        self._cache: Cache[Projection] = Cache(_BYTES)
        self._kept = DiskCache(cache_directory())

    def pca(self, snapshots: Sequence[SnapshotReader], layer: str) -> Projection:
        """The projection of the last of these snapshots of one run, steps ascending.

        Raises NotFoundError when it does not hold the layer; earlier ones that do not are passed over.
        """
        return continuous_pca(snapshots, layer, self._pca_of_one)

    def _pca_of_one(self, key: Hashable, make: Callable[[], Projection]) -> Projection:
        def compute() -> Projection:
            with self._places.place():
                return make()

        return self._cache.get(key, compute, _size)

    def tsne(self, snapshots: Sequence[SnapshotReader], layer: str, action: str | None = None) -> Projection:
        """The layout of the last of these snapshots as far as it is.

        Arguments:
            action: "start" has it computed unless that was done or is under way, "cancel" ends it; None changes nothing.

        Raises QueryError when t-SNE is not installed or failed, TooLargeError when too many wait, and what the job met:
        NotFoundError, UnreadableError.
        """
        last = snapshots[-1]
        start = self.pca(snapshots, layer).xy
        key = _key(last, layer)
        if action == "cancel":
            job = self._jobs.cancel(key)
            return _tsne(start, "cancelled", 0.0) if job is None else _layout(job, start)
        if not available():
            raise QueryError("t-SNE needs openTSNE. Install it beside TensorBoard: pip install openTSNE")
        job = self._jobs.find(key)
        if job is not None and job.state == "failed":
            self._jobs.forget(key)
            if isinstance(job.problem, ActiVisError):
                raise job.problem
            raise QueryError(f"t-SNE failed: {type(job.problem).__name__}: {job.problem}")

        if action is None:
            job = self._jobs.poll(key)
            if job is not None:
                return _layout(job, start)
            found = self._kept_tsne(last, layer)
            return _tsne(start, "not_started", 0.0) if found is None else _tsne(found, "done", 1.0)

        def work(job: Job[np.ndarray]) -> np.ndarray:
            return continuous_tsne(snapshots, layer, self._kept, self._before(snapshots, layer), job.report)

        return _layout(self._jobs.ask(key, work), start)

    def at_hand(self, snapshots: Sequence[SnapshotReader], layer: str, method: str) -> np.ndarray:
        """Places to turn another layout onto, without beginning anything: a finished t-SNE where it is wanted, else PCA's."""
        last = snapshots[-1]
        if method == "tsne" and available():
            job = self._jobs.find(_key(last, layer))
            found = job.result if job is not None and job.state == "done" else self._kept_tsne(last, layer)
            if found is not None:
                return found
        return self.pca(snapshots, layer).xy

    def _kept_tsne(self, snapshot: SnapshotReader, layer: str) -> np.ndarray | None:
        with self._places.place():
            return kept_tsne(snapshot, layer, self._kept)

    def _before(self, snapshots: Sequence[SnapshotReader], layer: str) -> np.ndarray | None:
        """The newest finished layout of an earlier step of this session; the disk may be full or switched off."""
        for snapshot in reversed(snapshots[:-1]):
            job = self._jobs.find(_key(snapshot, layer))
            if job is not None and job.state == "done" and comparable(snapshot, snapshots[-1], layer):
                return job.result
        return None


def _key(snapshot: SnapshotReader, layer: str) -> tuple[str, str]:
    return snapshot.digest, layer


def _layout(job: Job[np.ndarray], start: np.ndarray) -> Projection:
    return _tsne(start if job.result is None else job.result, cast(ProjectionState, job.state), job.progress)


def _tsne(xy: np.ndarray, state: ProjectionState, progress: float) -> Projection:
    return Projection(xy, (), "tsne", state=state, progress=progress)


def _size(projection: Projection) -> int:
    return int(np.asarray(projection.xy).nbytes)
