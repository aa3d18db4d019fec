"""Projections over the steps of a run, aligned or initialized so that points move little between steps."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeGuard

import numpy as np

from tensorboard_activis.errors import NotFoundError, QueryError, ThinnedError, UnreadableError
from tensorboard_activis.query.arithmetic.direction import Direction
from tensorboard_activis.query.instances.classes import is_classes, label_values
from tensorboard_activis.query.limits import TooLargeError, check_time
from tensorboard_activis.query.projection.disk_cache import DiskCache, content_key
from tensorboard_activis.query.projection.pca import Projection, agreement, directed, fix_signs, pca
from tensorboard_activis.query.projection.tsne import Report, tsne, version
from tensorboard_activis.read.snapshot import SnapshotReader

#: Earlier steps that may be projected to fix the signs of one step, and their activations in all.
_MAX_PROJECTED, _MAX_VALUES = 24, 20_000_000
#: Correlation of an axis at two steps from which its sign follows from these two alone.
_CERTAIN = 0.7
#: Number of earlier steps whose layouts are tried as initialization.
_MAX_STEPS_BACK = 8

Cache = Callable[[Hashable, Callable[[], Projection]], Projection]


def comparable(snapshot: SnapshotReader, other: SnapshotReader, layer: str) -> bool:
    """Whether both snapshots recorded the layer for the same instances."""
    return layer in snapshot.layers and snapshot.same_instances(other)


def continuous_pca(
    snapshots: Sequence[SnapshotReader], layer: str, cache: Cache = lambda key, make: make()
) -> Projection:
    """The PCA of a layer in the last of these snapshots of one run, steps ascending.

    Signs are aligned with earlier steps back to the first one of the same instances, whose signs are fixed by its labels. Few
    of the steps are projected for it, whatever the number of steps: see `_Signs`.

    Arguments:
        cache: returns what was computed for a key before, or computes it. What is cached is of one snapshot alone; how it is
            aligned with the others is computed every time.

    Raises NotFoundError when the last does not hold the layer, and UnreadableError when it cannot be read; earlier ones that do
    not or cannot are passed over.
    """
    return _continuous(snapshots, layer, lambda one: cache((one.digest, layer), partial(_pca, one, layer)))


def continuous_directed(
    snapshots: Sequence[SnapshotReader],
    layer: str,
    direction: Callable[[SnapshotReader], Direction],
    row: Hashable,
    cache: Cache = lambda key, make: make(),
) -> Projection:
    """A layer in the last of these snapshots along a direction, and across it, as `directed`; the sign of y is aligned as by
    `continuous_pca`, that of x is the direction's own at every step.

    Arguments:
        direction: of a snapshot.
        row: what it is the direction of, as a key.
        cache: as for `continuous_pca`.

    Raises as `continuous_pca`, QueryError where the last has no direction, and what `direction` raises.
    """
    return _continuous(
        snapshots,
        layer,
        lambda one: cache((one.digest, layer, row), lambda: directed(one.activations(layer), direction(one))),
    )


#: Projects one snapshot, with axes of unspecified sign.
_Project = Callable[[SnapshotReader], Projection]


def _continuous(snapshots: Sequence[SnapshotReader], layer: str, project: _Project) -> Projection:
    last = snapshots[-1]
    values = max(1, last.stored_instances * last.layer(layer).info.neurons)
    projection = project(last)
    signs = _Signs(snapshots, layer, projection, project, min(_MAX_PROJECTED, _MAX_VALUES // values)).of_last()
    if projection.direction is not None:
        signs[0] = 1
    return replace(projection, xy=(projection.xy * signs).astype(np.float32))


class _Signs:
    """Signs of the axes of a layer's projection at one step, by those of earlier steps.

    Steps are numbered from the first one with the same instances. A step is compared with the one whose number lacks its lowest
    set bit (22 with 20, with 16, with 0), so that steps share most of their way to the first. Two steps whose axes are hardly
    correlated are compared by way of the step half-way between them, down to neighbours.

    Arguments:
        last: the projection of the last of these snapshots.
        budget: earlier steps that may be projected.
    """

    def __init__(
        self, snapshots: Sequence[SnapshotReader], layer: str, last: Projection, project: _Project, budget: int
    ) -> None:
        self._snapshots, self._layer, self._project, self._budget = snapshots, layer, project, budget
        self._projections: dict[int, Projection | None] = {len(snapshots) - 1: last}

    def of_last(self) -> np.ndarray:
        """1 or -1 for each axis, [2]."""
        signs = np.ones(2)
        here = len(self._snapshots) - 1
        first = self._first() if self._budget else here
        number = here - first
        while number:
            number &= number - 1
            if self._projection(first + number) is not None:
                signs *= self._between(first + number, here)
                here = first + number
        projection, snapshot = self._projection(here), self._snapshots[here]
        assert projection is not None
        labels = label_values(snapshot)
        fixed = fix_signs(projection.xy, labels if is_classes(labels) else None)
        signs *= agreement(projection.xy, fixed)[0]
        return signs

    def _first(self) -> int:
        """Index of the first snapshot from which on they have the instances of the last."""
        low, high = 0, len(self._snapshots) - 1
        middle = 0
        while low < high:
            if self._comparable(middle):
                high = middle
            else:
                low = middle + 1
            middle = (low + high) // 2
        return high

    def _comparable(self, index: int) -> bool:
        try:
            return comparable(self._snapshots[index], self._snapshots[-1], self._layer)
        except UnreadableError:
            return False

    def _between(self, first: int, second: int) -> np.ndarray:
        """Signs that turn the axes of the second step as those of the first, [2]."""
        one, other = self._projection(first), self._projection(second)
        assert one is not None
        assert other is not None
        signs, correlations = agreement(other.xy, one.xy)
        middle = (first + second) // 2
        if middle == first or (correlations >= _CERTAIN).all() or self._projection(middle) is None:
            return signs
        return np.where(correlations >= _CERTAIN, signs, self._between(first, middle) * self._between(middle, second))

    def _projection(self, index: int) -> Projection | None:
        """Of one step; None where it cannot be compared, or too many were projected already."""
        if index not in self._projections:
            check_time()
            if not self._budget or not self._comparable(index):
                return None
            snapshot = self._snapshots[index]
            try:
                snapshot.check_activations(self._layer)  # one that was thinned is no step that was projected
                self._budget -= 1
                found = self._project(snapshot)
            except TooLargeError:
                raise
            except (UnreadableError, NotFoundError, QueryError):  # or the row has no direction there
                found = None
            fits = found is not None and found.xy.shape == self._projections[len(self._snapshots) - 1].xy.shape  # type: ignore[union-attr]
            self._projections[index] = found if fits else None
        return self._projections[index]


def _pca(snapshot: SnapshotReader, layer: str) -> Projection:
    return pca(snapshot.activations(layer))


def continuous_tsne(
    snapshots: Sequence[SnapshotReader],
    layer: str,
    disk_cache: DiskCache,
    initial: np.ndarray | None = None,
    report: Report | None = None,
) -> np.ndarray:
    """The t-SNE of a layer in the last of these snapshots, float32 [instances, 2]; from the disk cache for equal activations.

    Arguments:
        initial: where the points begin when nothing is kept: at best the layout of the step before, which is looked for on disk
            when None; else principal components.
        report: as for `tsne`.

    Raises NotFoundError, and ActiVisError when openTSNE is not installed.
    """
    last = snapshots[-1]
    activations = last.activations(layer)
    key = _key(activations)
    cached = disk_cache.get(key)
    if _fits(cached, activations):
        return cached
    for snapshot in reversed(snapshots[max(0, len(snapshots) - 1 - _MAX_STEPS_BACK) : -1] if initial is None else ()):
        if not comparable(snapshot, last, layer):
            continue
        try:
            earlier = disk_cache.get(_key(snapshot.activations(layer)))
        except ThinnedError:
            continue
        if _fits(earlier, activations):
            initial = earlier
            break
    if initial is None:
        initial = continuous_pca(snapshots, layer).xy
    stopped = False

    def on_progress(done: float, layout: np.ndarray) -> bool:
        nonlocal stopped
        stopped = report is not None and not report(done, layout)
        return not stopped

    layout = tsne(activations, initial, on_progress)
    if not stopped:
        disk_cache.put(key, layout)
    return layout


def cached_tsne(snapshot: SnapshotReader, layer: str, disk_cache: DiskCache) -> np.ndarray | None:
    """The t-SNE of equal activations in the disk cache, float32 [instances, 2]; None when there is none."""
    activations = snapshot.activations(layer)
    layout = disk_cache.get(_key(activations))
    return layout if _fits(layout, activations) else None


def _key(activations: np.ndarray) -> str:
    return content_key(activations, "tsne", version())


def _fits(layout: np.ndarray | None, activations: np.ndarray) -> TypeGuard[np.ndarray]:
    return layout is not None and layout.dtype == np.float32 and layout.shape == (len(activations), 2)
