"""Asks the forward pass for peaks and maps, batch by batch, and reads what it gives."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from tensorboard_activis.capture.batch_positions import BatchPositions, MapEntries, quantized
from tensorboard_activis.capture.instances.metadata import checked_ids
from tensorboard_activis.capture.possible_instances import PossibleInstances
from tensorboard_activis.schema import LayerInfo
from tensorboard_activis.summarize.float16 import to_float16
from tensorboard_activis.summarize.sample import ranks

#: What a forward pass is asked for, and what it gives by layer; see `layer_positions`.
Wanted = dict[str, np.ndarray]
Found = Mapping[str, Mapping[str, np.ndarray]]
#: The shapes of what it is asked for.
WANTED: dict[str, tuple[int | None, ...]] = {"order": (None,), "kept": (), "ranks": (None,)}


def wanted_of(order: np.ndarray, kept: int, chosen: int) -> Wanted:
    """Asks for maps of the strongest of each neuron.

    Arguments:
        order: rows of the batch; of equal ones the first is stronger.
        kept: of so many at its beginning.
        chosen: how many of each neuron.
    """
    return {
        "order": order.astype(np.int32),
        "kept": np.array(kept, np.int32),
        "ranks": np.arange(chosen, dtype=np.int32),
    }


def without_positions(layers: Sequence[LayerInfo], found: Collection[str]) -> list[str]:
    """Says of which layers no positions are recorded although they have some.

    Arguments:
        found: names of the layers whose positions were read.
    """
    names = [layer.name for layer in layers if 3 <= len(layer.shape.sizes) <= 5 and layer.name not in found]
    if not names:
        return []
    more = f" and {len(names) - 10} more layers" if len(names) > 10 else ""
    return [
        f"No positions are recorded of {', '.join(names[:10])}{more}: their masks are not of one axis of positions, "
        "[instances, positions], before the neurons. Their activations are over the positions that the masks leave."
    ]


class PositionRecorder:
    """Records positions in one evaluation: `ask` before each batch, `read` after it.

    Arguments:
        k: how many of a neuron's strongest instances are wanted; 0: no positions are recorded.
        sample: number of instances in the sample; None: all.
        bound, highest: see `PossibleInstances`.
    """

    def __init__(self, k: int, sample: int | None, bound: np.uint64 | None, highest: np.uint64 | None = None) -> None:
        self._k = k
        self._instances = PossibleInstances(sample, bound, highest)
        self._largest: dict[str, np.ndarray] = {}
        self._kept = 0
        self._seen = 0

    def ask(self, ids: Sequence[Any] | None, instances: int, size: int) -> Wanted | None:
        """What is asked of the next batch; None if no positions are wanted.

        Arguments:
            ids: of the instances; None: they are counted.
            instances: how many there are.
            size: of the batch with what fills it up.
        """
        if not self._k:
            return None
        numbered = list(range(self._seen, self._seen + instances))
        hashes = ranks(numbered if ids is None else checked_ids(ids, instances).tolist())
        self._seen += instances
        rows, bound = self._instances.possible(hashes), self._instances.bound
        if bound is not None:
            rows = rows[hashes[rows] <= bound]
        rows = rows[np.argsort(hashes[rows], kind="stable")]
        self._instances.see(hashes)
        self._kept = rows.size
        # Where any may leave the sample, all may be among the strongest of what is left.
        chosen = min(self._k, size) if bound is not None else size
        return wanted_of(np.append(rows, np.setdiff1d(np.arange(size), rows)), rows.size, chosen)

    def highest_of_sample(self) -> np.uint64:
        """See `PossibleInstances`."""
        return self._instances.highest_of_sample()

    def read(
        self, found: Found, activations: Mapping[str, np.ndarray], *, pinned: bool = False
    ) -> dict[str, BatchPositions] | None:
        """The positions of a batch by layer; None if none are wanted."""
        if not self._k:
            return None
        return {name: self._layer(name, each, activations[name], pinned) for name, each in found.items()}

    def _layer(
        self, name: str, found: Mapping[str, np.ndarray], activations: np.ndarray, pinned: bool
    ) -> BatchPositions:
        real, sizes = found.get("real"), tuple(found["sizes"].tolist())
        lengths = None if real is None else real.sum(1)
        if lengths is not None and (lengths < sizes[0]).any():
            sizes = (-1,)
        maps = whole = None
        if pinned:
            values = found["whole"]
            codes, ranges = quantized(values.reshape(len(values) * values.shape[1], int(np.prod(values.shape[2:]))))
            whole = (
                np.ascontiguousarray(np.moveaxis(codes.reshape(values.shape), 1, -1)),
                ranges.reshape(*values.shape[:2], 2),
            )
        else:
            maps = self._maps(name, found, activations)
        bound = None if pinned else self._instances.bound
        return BatchPositions(sizes, real is not None, found["peaks"], maps, whole, bound, lengths)

    def _maps(self, name: str, found: Mapping[str, np.ndarray], activations: np.ndarray) -> MapEntries:
        rows = found["rows"][: self._kept]
        recorded = to_float16(np.take_along_axis(activations, rows, axis=0))[0].astype(np.float32)
        possible = ~np.isnan(recorded)
        if self._instances.bound is not None:
            known = np.where(possible, recorded, -np.inf)
            before = self._largest.get(name, np.full((self._k, rows.shape[1]), -np.inf, np.float32))
            largest = self._largest[name] = np.sort(np.concatenate([before, known]), axis=0)[-self._k :]
            possible &= recorded >= largest[0]
        chosen, neurons = np.nonzero(possible)
        maps = found["maps"][chosen, neurons]
        codes, ranges = quantized(maps.reshape(len(maps), int(np.prod(maps.shape[1:]))))
        none = np.zeros(rows.shape, np.int64)
        starts = found.get("starts", none)[chosen, neurons].astype(np.int64)
        return MapEntries(rows[chosen, neurons].astype(np.int64), neurons, starts, codes.reshape(maps.shape), ranges)
