"""Projections that follow each other over the steps, kept so that moving the step is quick."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from tensorboard_activis.query.classes import is_classes, label_values
from tensorboard_activis.query.projection import Projection, fix_signs, follow, pca
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.cache import Cache

#: Values of all steps that may be projected to give one its orientation.
_BUDGET = 20_000_000
_BYTES = 64 << 20


class Projections:
    """PCA of layers; signs are those of the step before, the first step's are fixed by its labels."""

    def __init__(self) -> None:
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

    @staticmethod
    def _comparable(snapshot: SnapshotReader, last: SnapshotReader, layer: str) -> bool:
        return layer in snapshot.layers and snapshot.record.instances == last.record.instances


def _project(snapshot: SnapshotReader, layer: str, previous: Projection | None) -> Projection:
    found = pca(snapshot.activations(layer))
    if previous is not None and previous.xy.shape == found.xy.shape:
        return Projection(follow(found.xy, previous.xy), found.explained)
    labels = label_values(snapshot)
    return Projection(fix_signs(found.xy, labels if is_classes(labels) else None), found.explained)


def _size(projection: Projection) -> int:
    return int(np.asarray(projection.xy).nbytes)
