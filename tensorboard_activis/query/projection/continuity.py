"""PCA and t-SNE over the steps of a run, aligned or initialized so that points move little between steps."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TypeGuard

import numpy as np

from tensorboard_activis.query.instances.classes import is_classes, label_values
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.query.projection.disk_cache import DiskCache, content_key
from tensorboard_activis.query.projection.pca import Projection, fix_signs, follow, pca
from tensorboard_activis.query.projection.tsne import tsne, version
from tensorboard_activis.read.snapshot import SnapshotReader

#: Number of activations, over all steps, that may be projected to fix the signs of one step.
_MAX_VALUES = 20_000_000
#: Number of earlier steps whose layouts are tried as initialization.
_MAX_STEPS_BACK = 8

PcaCache = Callable[[Hashable, Callable[[], Projection]], Projection]
Report = Callable[[float, np.ndarray], bool]


def comparable(snapshot: SnapshotReader, other: SnapshotReader, layer: str) -> bool:
    """Whether both snapshots recorded the layer for the same instances."""
    return layer in snapshot.layers and snapshot.same_instances(other)


def continuous_pca(
    snapshots: Sequence[SnapshotReader], layer: str, cache: PcaCache = lambda key, make: make()
) -> Projection:
    """The PCA of a layer in the last of these snapshots of one run, steps ascending.

    Signs are aligned with the step before; those of the first step are fixed by its labels.

    Arguments:
        cache: returns what was computed for a key before, or computes it. What is cached is of one snapshot alone; how it is
            aligned with the others is computed every time, from all of them.

    Raises NotFoundError when the last does not hold the layer; earlier ones that do not are passed over.
    """
    last = snapshots[-1]
    values = max(1, last.stored_instances * last.layer(layer).info.neurons)
    before = [snapshot for snapshot in snapshots[:-1] if comparable(snapshot, last, layer)]
    before = before[max(0, len(before) - _MAX_VALUES // values) :]
    previous: Projection | None = None
    for snapshot in [*before, last]:
        check_time()
        projection = cache((snapshot.digest, layer), partial(_pca, snapshot, layer))
        previous = _aligned(projection, snapshot, previous)
    assert previous is not None
    return previous


def _pca(snapshot: SnapshotReader, layer: str) -> Projection:
    return pca(snapshot.activations(layer))


def _aligned(projection: Projection, snapshot: SnapshotReader, previous: Projection | None) -> Projection:
    if previous is not None and previous.xy.shape == projection.xy.shape:
        return Projection(follow(projection.xy, previous.xy), projection.explained)
    labels = label_values(snapshot)
    return Projection(fix_signs(projection.xy, labels if is_classes(labels) else None), projection.explained)


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
    before = [snapshot for snapshot in snapshots[:-1] if comparable(snapshot, last, layer)]
    for snapshot in reversed(before[-_MAX_STEPS_BACK:] if initial is None else []):
        earlier = disk_cache.get(_key(snapshot.activations(layer)))
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
