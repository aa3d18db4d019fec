"""Joins the parts of a run's training health: of what was measured twice, as after a restart, the newer counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.health_codec import loss_of, values_of
from tensorboard_activis.health_part import HealthLayer, HealthPart

#: Values of a run's health that are read at once: 256 MB.
MOST_VALUES = 1 << 26
#: Layers of all parts together.
MOST_LAYERS = 10_000


@dataclass(frozen=True, eq=False)
class Health:
    """What was measured of layers during the steps of training.

    Attributes:
        layers: the modules that were measured, in the order in which they run.
        measures: names of what was measured; docs/python.md says what each is.
        steps: int64 [steps], numbers of the measured training steps from 0, ascending.
        values: float32 [measures, layers, steps]; NaN where nothing was measured, infinite where the value was not finite.
        loss: float32 [steps], of training; NaN where it is not known.
        every: training steps from one measured step to the next, at the end of the run.
        notes: what could not be measured, in words.
    """

    layers: tuple[HealthLayer, ...]
    measures: tuple[str, ...]
    steps: np.ndarray
    values: np.ndarray
    loss: np.ndarray
    every: int
    notes: tuple[str, ...]

    def of(self, measure: str, layer: str) -> np.ndarray:
        """One measure of one layer, float32 [steps]. Raises KeyError where there is none of that name."""
        names = [one.name for one in self.layers]
        if measure not in self.measures or layer not in names:
            raise KeyError(f"{measure!r} of {layer!r}; there are {', '.join(self.measures)} of {', '.join(names)}.")
        row: np.ndarray = self.values[self.measures.index(measure), names.index(layer)]
        return row


@dataclass(frozen=True)
class _Part:
    """The first `steps` steps of a record."""

    record: HealthPart
    steps: int


def joined(records: Iterable[HealthPart]) -> Health | None:
    """Joins what was written of a run; None where that is nothing.

    What begins at a step replaces everything that was measured before it at this step or a higher one, as snapshots do.

    Arguments:
        records: sessions in any order (their names sort by their start), those of one session in the order of writing.

    Raises:
        UnreadableError: there is more than is read at once.
    """
    parts: list[_Part] = []
    for record in sorted(records, key=lambda one: one.session):
        begins = record.steps[0]
        while parts and parts[-1].record.steps[0] >= begins:
            parts.pop()
        if parts:
            last = parts.pop()
            parts.append(_Part(last.record, int(np.searchsorted(last.record.steps[: last.steps], begins))))
        parts.append(_Part(record, len(record.steps)))
    return _assembled(parts) if parts else None


def _assembled(parts: Sequence[_Part]) -> Health:
    # The newest record knows best in which order layers run; what only older ones have comes behind.
    layers = {layer.name: layer for part in parts for layer in part.record.layers}
    order = dict.fromkeys(layer.name for part in reversed(parts) for layer in part.record.layers)
    measures = tuple(dict.fromkeys(name for part in parts for name in part.record.measures))
    index = {name: at for at, name in enumerate(order)}
    count = sum(part.steps for part in parts)
    if len(order) > MOST_LAYERS or len(measures) * len(order) * count > MOST_VALUES:
        raise UnreadableError(
            f"Training health has {len(measures):,} measures of {len(order):,} layers at {count:,} steps; at most "
            f"{MOST_VALUES:,} values of {MOST_LAYERS:,} layers are read. Measure less often: health=N for every N training steps."
        )
    values = np.full((len(measures), len(order), count), np.nan, np.float32)
    loss, steps, at = np.full(count, np.nan, np.float32), np.empty(count, np.int64), 0
    for part in parts:
        record, end = part.record, at + part.steps
        rows = [measures.index(name) for name in record.measures]
        columns = [index[layer.name] for layer in record.layers]
        values[np.ix_(rows, columns, range(at, end))] = values_of(record)[:, :, : part.steps]
        loss[at:end] = loss_of(record)[: part.steps]
        steps[at:end] = record.steps[: part.steps]
        at = end
    notes = dict.fromkeys(note for part in parts for note in part.record.notes)
    return Health(
        tuple(layers[name] for name in order), measures, steps, values, loss, parts[-1].record.every, tuple(notes)
    )
