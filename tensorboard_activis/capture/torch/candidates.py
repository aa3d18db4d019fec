"""Which neurons and instances of a batch can be among the strongest: what must be kept of them is decided before it is read.

See `capture/strongest.py` for the rule. Here it is applied to a whole batch at once, on the model's device.
"""

from collections.abc import Mapping

import numpy as np
import torch

from tensorboard_activis.capture.possible_instances import PossibleInstances
from tensorboard_activis.capture.strongest import LEVELS, levels

#: By level, the k largest activations of each neuron among instances of this or a higher level: float32 [neurons, k].
Thresholds = list[torch.Tensor]

_LARGEST = 65504.0


class Candidates(PossibleInstances):
    """What is known of the instances so far.

    Arguments:
        k: how many of a neuron's strongest instances are wanted.
        sample, bound, highest: see `PossibleInstances`. With a bound all instances are of one level.
    """

    def __init__(self, k: int, sample: int | None, bound: np.uint64 | None, highest: np.uint64 | None = None) -> None:
        super().__init__(sample, bound, highest)
        self._k = k
        self._thresholds: dict[str, Thresholds] = {}

    def with_levels(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of instances that can be in the sample and did not come before, int64 [rows].

        And their levels; -1 for those whose maps are not needed.
        """
        rows = self.possible(hashes)
        if self.bound is None:
            return rows, levels(hashes[rows])
        return rows, np.where(hashes[rows] <= self.bound, 0, -1)

    def add(self, hashes: np.ndarray, thresholds: Mapping[str, Thresholds]) -> None:
        """Takes note of the instances of a pass, and of the thresholds that `select` returned for it."""
        self._thresholds.update(thresholds)
        self.see(hashes)

    def select(
        self, key: str, values: torch.Tensor, rows: np.ndarray | None, level: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, Thresholds | None]:
        """Selects what can be among the strongest.

        Arguments:
            key: of the layer.
            values: activations, float32 [instances, neurons].
            rows, level: of the possible instances; None where it is not known which instances these are.

        Returns:
            Rows and neurons of these, int64 [entries]; and the thresholds with these instances, None where these are not known.
        """
        before = self._thresholds.get(key)
        if before is None:
            none = torch.full((values.shape[1], self._k), -torch.inf, device=values.device)
            before = [none] * (1 if self.bound is not None else LEVELS + 1)
        # Where none can leave the sample, all instances count against each other, else those of higher levels.
        first = 0 if self.bound is not None else 1
        if rows is None or level is None:
            floor = before[0][:, -1] if first == 0 else -torch.inf
            return *_places(_as_recorded(values) > floor), None
        if level.size and int(level.min()) < 0:
            rows, level = rows[level >= 0], level[level >= 0]
        recorded = _as_recorded(
            values if rows.size == len(values) else values[torch.from_numpy(rows).to(values.device)]
        )
        after = list(before)
        if first == 0:
            above = recorded > before[0][:, -1]
            after[0] = self._with(before[0], recorded, above)
            if after[0] is before[0]:
                return _NONE, _NONE, after
            entry_rows, neurons = _places(above & (recorded >= after[0][:, -1]))
            return rows[entry_rows], neurons, after
        entries = []
        for each in range(first, int(level.max(initial=-1)) + 1):
            part = recorded[torch.from_numpy(np.flatnonzero(level >= each)).to(values.device)]
            after[each] = self._with(before[each], part, part > before[each][:, -1])
        for each in np.unique(level).tolist():
            at = np.flatnonzero(level == each)
            part = recorded[torch.from_numpy(at).to(values.device)]
            entry_rows, neurons = _places((part > before[each + 1][:, -1]) & (part >= after[each + 1][:, -1]))
            entries.append((rows[at[entry_rows]], neurons))
        if not entries:
            return _NONE, _NONE, after
        entry_rows, neurons = (np.concatenate(each) for each in zip(*entries, strict=True))
        return entry_rows, neurons, after

    def _with(self, largest: torch.Tensor, values: torch.Tensor, above: torch.Tensor) -> torch.Tensor:
        """The k largest of each neuron, with these values.

        Arguments:
            values: float32 [instances, neurons].
            above: which of them are larger than the smallest of the k.
        """
        neurons: torch.Tensor | slice = slice(None)
        if values.device.type == "cpu":  # elsewhere the look at the result would wait for the device
            neurons = above.any(0).nonzero()[:, 0]
            if not neurons.numel():
                return largest
        both = torch.cat([largest[neurons], values[:, neurons].T], 1)
        changed = largest.clone()
        changed[neurons] = both.topk(self._k, 1).values
        return changed


_NONE = np.zeros(0, np.int64)


def _places(chosen: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of what is true."""
    rows, columns = chosen.cpu().numpy().nonzero()
    return rows, columns


def _as_recorded(values: torch.Tensor) -> torch.Tensor:
    """Activations as they will be compared: rounded to float16, clipped if finite; NaN is the lowest."""
    rounded = values.to(torch.float16).to(torch.float32)
    if values.device.type == "cpu" and bool(rounded.isfinite().all()):
        return rounded
    rounded = torch.where(values.isinf(), values, rounded.clamp(-_LARGEST, _LARGEST))
    return rounded.nan_to_num(-torch.inf, torch.inf, -torch.inf)
