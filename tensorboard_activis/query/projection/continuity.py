"""Keeps layouts consistent over the steps of a run: signs of principal components, starting points of t-SNE."""

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

#: Values of all steps that may be projected to give one its orientation.
_BUDGET = 20_000_000
#: Steps back in which a layout to begin from is looked for.
_BACK = 8

Keep = Callable[[Hashable, Callable[[], Projection]], Projection]
Report = Callable[[float, np.ndarray], bool]


def comparable(snapshot: SnapshotReader, other: SnapshotReader, layer: str) -> bool:
    """Whether the layer's rows stand for the same instances in both."""
    return layer in snapshot.layers and snapshot.same_instances(other)


def continuous_pca(
    snapshots: Sequence[SnapshotReader], layer: str, keep: Keep = lambda key, make: make()
) -> Projection:
    """Principal components of the last of these snapshots of one run, steps ascending.

    Signs are those of the step before; the first step's are fixed by its labels.

    Arguments:
        keep: gives what was computed for a key before, or computes it. What is kept is of one snapshot alone; how it follows
            the others is computed every time, from all of them.

    Raises NotFoundError when the last does not hold the layer; earlier ones that do not are passed over.
    """
    last = snapshots[-1]
    values = max(1, last.rows * last.layer(layer).info.neurons)
    before = [one for one in snapshots[:-1] if comparable(one, last, layer)]
    before = before[max(0, len(before) - _BUDGET // values) :]
    previous: Projection | None = None
    for snapshot in [*before, last]:
        check_time()
        alone = keep((snapshot.digest, layer), partial(_pca, snapshot, layer))
        previous = _following(alone, snapshot, previous)
    assert previous is not None
    return previous


def _pca(snapshot: SnapshotReader, layer: str) -> Projection:
    return pca(snapshot.activations(layer))


def _following(projection: Projection, snapshot: SnapshotReader, previous: Projection | None) -> Projection:
    if previous is not None and previous.xy.shape == projection.xy.shape:
        return Projection(follow(projection.xy, previous.xy), projection.explained)
    labels = label_values(snapshot)
    return Projection(fix_signs(projection.xy, labels if is_classes(labels) else None), projection.explained)


def continuous_tsne(
    snapshots: Sequence[SnapshotReader],
    layer: str,
    kept: DiskCache,
    initial: np.ndarray | None = None,
    report: Report | None = None,
) -> np.ndarray:
    """t-SNE of the last of these snapshots of one run, float32 [instances, 2]: from disk when equal activations had one before.

    Arguments:
        initial: where the points begin when nothing is kept: at best the layout of the step before, which is looked for on disk
            when None; else principal components.
        report: as for `tsne`.

    Raises NotFoundError, and ActiVisError when openTSNE is not installed.
    """
    last = snapshots[-1]
    activations = last.activations(layer)
    key = _key(activations)
    stored = kept.get(key)
    if _fits(stored, activations):
        return stored
    before = [one for one in snapshots[:-1] if comparable(one, last, layer)]
    for snapshot in reversed(before[-_BACK:] if initial is None else []):
        earlier = kept.get(_key(snapshot.activations(layer)))
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
        kept.put(key, layout)
    return layout


def kept_tsne(snapshot: SnapshotReader, layer: str, kept: DiskCache) -> np.ndarray | None:
    """The layout of equal activations that is kept on disk; None when there is none."""
    activations = snapshot.activations(layer)
    layout = kept.get(_key(activations))
    return layout if _fits(layout, activations) else None


def _key(activations: np.ndarray) -> str:
    return content_key(activations, "tsne", version())


def _fits(layout: np.ndarray | None, activations: np.ndarray) -> TypeGuard[np.ndarray]:
    return layout is not None and layout.dtype == np.float32 and layout.shape == (len(activations), 2)
