"""What one part of the evaluation data gives for a snapshot, evaluated elsewhere, and how it is added to what is there.

The other way to the same result is `merging`, by collective communication: there all processes stay to the end. Here a part is
given away as soon as it is evaluated, so that who evaluated it may be lost.
"""

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from tensorboard_activis.capture.depth import DepthTotals
from tensorboard_activis.capture.instances.doubts import Doubts
from tensorboard_activis.capture.instances.patterns import PinnedPatterns
from tensorboard_activis.capture.position_arrays import LayerPositions
from tensorboard_activis.capture.publication import Collected
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.summarize.moments import MomentsPart

#: What the first batch decides for all: of the task, and of the content of instances.
Decided: TypeAlias = tuple[tuple[Any, ...], tuple[Any, ...]]


@dataclass(frozen=True)
class Contribution:
    """What the instances of one part give; the arrays may be read-only.

    Attributes:
        numbers: seen, repeated, invalid labels, those that are not finite, and by layer the clipped values, int64.
        totals: per metric, sum and number of its values, float64 [2].
        subsets: instances per declared subset, int64 [subsets].
        moments: statistics of the neurons, by tile.
        order: hashes of the instances that can be in the sample, ascending, uint64 [instances].
        stored: what is stored of these, arrays [instances, ...] by name.
        positions: by layer, where its neurons are active; None for a layer without positions.
        depth: prediction by depth.
        doubts: what had to be guessed of sequences.
        pinned, patterns: of pinned instances, if the part came with them.
        ids_are_strings: None if there were no instances.
        notes: what is to be said of the part.
    """

    numbers: np.ndarray
    totals: dict[str, np.ndarray]
    subsets: np.ndarray
    moments: list[MomentsPart]
    order: np.ndarray
    stored: dict[str, np.ndarray]
    positions: list[LayerPositions | None]
    depth: DepthTotals
    doubts: Doubts
    pinned: list[dict[str, np.ndarray]]
    patterns: PinnedPatterns
    ids_are_strings: bool | None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, collected: Collected) -> "Contribution":
        """What was collected; its sample is empty after that."""
        assert collected.subsets is not None
        order = collected.sample.order()
        return cls(
            _numbers(collected),
            collected.totals,
            collected.subsets.counts,
            collected.moments.parts(),
            order,
            {name: rows.array() for name, rows in collected.sample.result().items()},
            collected.positions,
            collected.depth,
            collected.doubts,
            collected.pinned,
            collected.patterns,
            collected.ids_are_strings,
            tuple(collected.notes),
        )

    def with_notes(self, notes: tuple[str, ...]) -> "Contribution":
        """With more to be said."""
        return replace(self, notes=self.notes + notes)

    def add_to(self, collected: Collected) -> None:
        """Adds the part to what is collected of others.

        Raises:
            ActiVisError: some ids are texts and others are numbers, or columns differ.
        """
        assert collected.subsets is not None
        if self.ids_are_strings is not None:
            if collected.ids_are_strings not in (None, self.ids_are_strings):
                raise ActiVisError(
                    "Some ids are texts and others are numbers. Make them all texts, with str for example, or all numbers."
                )
            collected.ids_are_strings = self.ids_are_strings
        numbers = (_numbers(collected) + self.numbers).tolist()
        collected.seen, collected.repeated, collected.invalid_labels, collected.nonfinite, *collected.clipped = numbers
        for metric, counted in self.totals.items():
            collected.totals[metric] = collected.totals.get(metric, np.zeros(2)) + counted
        collected.subsets.counts = collected.subsets.counts + self.subsets
        collected.moments.merge(self.moments)
        # Copies: what is here may lie in memory that others wait for.
        collected.sample.add(self.order.copy(), {name: values.copy() for name, values in self.stored.items()})
        for own, other in zip(collected.positions, self.positions, strict=True):
            if own is not None and other is not None:
                own.merge(other, collected.sample.bound)
        collected.depth.merge(self.depth)
        collected.doubts.merge(self.doubts)
        if self.pinned:
            collected.pinned += self.pinned
            collected.patterns = self.patterns
        collected.notes += [note for note in self.notes if note not in collected.notes]


def _numbers(collected: Collected) -> np.ndarray:
    counted = (collected.seen, collected.repeated, collected.invalid_labels, collected.nonfinite)
    return np.array([*counted, *collected.clipped], np.int64)
