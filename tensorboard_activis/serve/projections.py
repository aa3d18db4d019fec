"""Computes projections of layers, PCA and directions at once and t-SNE in a background job, and caches them."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import cast

import numpy as np

from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.private_cache import cache_directory
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.query.matrix.direction import row_direction
from tensorboard_activis.query.matrix.rows import Row, translate_rows
from tensorboard_activis.query.projection.continuity import (
    cached_tsne,
    comparable,
    continuous_directed,
    continuous_pca,
    continuous_tsne,
)
from tensorboard_activis.query.projection.disk_cache import DiskCache
from tensorboard_activis.query.projection.pca import Projection, ProjectionState
from tensorboard_activis.query.projection.tsne import available
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.cache import Cache
from tensorboard_activis.serve.jobs import Job, Jobs
from tensorboard_activis.serve.request_slots import RequestSlots

_BYTES = 64 << 20


class Projections:
    """Projections with caches. The signs of PCA are aligned with the step before; t-SNE is initialized from it, or from PCA.

    Args:
        slots: bounds the number of requests that compute at a time.
    """

    def __init__(self, slots: RequestSlots) -> None:
        self._slots = slots
        self._jobs: Jobs[np.ndarray] = Jobs(lambda xy: xy.nbytes)
        self._cache: Cache[Projection] = Cache(_BYTES)
        self._disk_cache = DiskCache(cache_directory())

    def pca(self, snapshots: Sequence[SnapshotReader], layer: str) -> Projection:
        """The PCA of a layer in the last of these snapshots.

        Args:
            snapshots: snapshots of one run, steps ascending; earlier ones without the layer are skipped.
            layer: name of the layer.

        Raises:
            NotFoundError: the last snapshot does not have the layer.
        """
        return continuous_pca(snapshots, layer, self._of_one)

    def directed(self, snapshots: Sequence[SnapshotReader], layer: str, row: Row) -> Projection:
        """A layer in the last of these snapshots along the direction of a row, and across it; arguments as for `pca`.

        Raises NotFoundError, ExpressionError, and QueryError where the row has no direction.
        """
        direction = partial(row_direction, layer=layer, row=row)
        return continuous_directed(snapshots, layer, direction, row, self._of_one)

    def _of_one(self, key: Hashable, make: Callable[[], Projection]) -> Projection:
        def compute() -> Projection:
            with self._slots:
                return make()

        return self._cache.get(key, compute, _size)

    def tsne(self, snapshots: Sequence[SnapshotReader], layer: str, action: str | None = None) -> Projection:
        """The t-SNE of a layer in the last of these snapshots, with its state and progress.

        Args:
            snapshots: snapshots of one run, steps ascending.
            layer: name of the layer.
            action: "start" submits the job unless it is done or running, "cancel" cancels it; None changes nothing.

        Raises:
            QueryError: openTSNE is not installed, or t-SNE failed.
            TooLargeError: too many jobs are queued.
            NotFoundError, UnreadableError: raised by the job.
        """
        last = snapshots[-1]
        start = self.pca(snapshots, layer).xy
        key = _key(last, layer)
        if action == "cancel":
            job = self._jobs.cancel(key)
            return _tsne(start, "cancelled", 0.0) if job is None else _layout(job, start)
        if not available():
            raise QueryError("t-SNE needs openTSNE. Install it beside TensorBoard: pip install openTSNE")
        self._jobs.raise_failure(key, "t-SNE")
        if action is None:
            job = self._jobs.poll(key)
            if job is not None:
                return _layout(job, start)
            cached = self._cached_tsne(last, layer)
            return _tsne(start, "not_started", 0.0) if cached is None else _tsne(cached, "done", 1.0)

        def work(job: Job[np.ndarray]) -> np.ndarray:
            return continuous_tsne(
                snapshots, layer, self._disk_cache, self._earlier_layout(snapshots, layer), job.report
            )

        return _layout(self._jobs.submit(key, work), start)

    def available_layout(
        self, snapshots: Sequence[SnapshotReader], layer: str, method: str, row: Row | None, of: SnapshotReader
    ) -> np.ndarray | None:
        """A layout [instances, 2] to align another one with, without starting a job: the t-SNE once finished, else the PCA.

        Of a row of the snapshot `of` along its direction here; None where it has none here.
        """
        last = snapshots[-1]
        if row is not None:
            try:
                return self.directed(snapshots, layer, *translate_rows(last, of, [row])).xy
            except TooLargeError:
                raise
            except (NotFoundError, QueryError):
                return None
        if method == "tsne" and available():
            job = self._jobs.find(_key(last, layer))
            layout = job.result if job is not None and job.state == "done" else self._cached_tsne(last, layer)
            if layout is not None:
                return layout
        return self.pca(snapshots, layer).xy

    def _cached_tsne(self, snapshot: SnapshotReader, layer: str) -> np.ndarray | None:
        with self._slots:
            return cached_tsne(snapshot, layer, self._disk_cache)

    def _earlier_layout(self, snapshots: Sequence[SnapshotReader], layer: str) -> np.ndarray | None:
        """The newest layout of an earlier step among the finished jobs: the disk cache may be full or disabled."""
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
