"""What each neuron does to the mean margin of a row, and which neurons are behind the row's errors."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tensorboard_activis.query.arithmetic.statistics import Moments, statistics
from tensorboard_activis.query.causes.estimate import Estimate
from tensorboard_activis.query.causes.sets import error_effects
from tensorboard_activis.query.contract import Float32Array, MaybeNaN, Records
from tensorboard_activis.query.matrix.effects import row_effects
from tensorboard_activis.query.matrix.rows import Row, members
from tensorboard_activis.query.neurons.why_not import MeanStd
from tensorboard_activis.read.snapshot import SnapshotReader

SHOWN = 12


@dataclass(frozen=True, slots=True)
class ErrorNeuron:
    """A neuron that pulls the errors of a row away from their labels.

    Attributes:
        neuron: index in its layer.
        effect: the change of the errors' mean margin, in logits, if the neuron were 0.
        own: over the errors that it is of.
        right: over the kept instances of the row that are predicted right; null without any.
    """

    neuron: int
    effect: float
    own: MeanStd
    right: MeanStd | None


@dataclass(frozen=True, slots=True)
class RowErrors:
    """Which neurons are behind the errors of a row.

    Attributes:
        estimate: how the effects were obtained.
        wrong: kept instances of the row that are predicted wrong.
        n: of them, those that the effects are of.
        neurons: at most twelve, those first whose zero would raise the mean margin of the errors most.
    """

    estimate: Estimate
    wrong: int
    n: int
    neurons: Records[ErrorNeuron]


@dataclass(frozen=True, slots=True)
class RowEffects:
    """What each neuron of a layer does to the mean margin of a row: the logit of the label minus the highest other.

    Attributes:
        estimate: how the effects were obtained.
        reference: what a neuron is set to: its mean over "all" instances seen, or, for a single instance, over the "class" of the
            label.
        margin: the mean margin as it is, in logits; null where it is not known.
        n: kept instances of the row that it is of: with a label, and with finite activations and logits.
        effect: the change of the mean margin, in logits, if a neuron alone had the other value, [neurons]; NaN for none.
        errors: which neurons are behind the row's errors; null for a single instance.
    """

    estimate: Estimate
    reference: Literal["all", "class"]
    margin: MaybeNaN
    n: int
    effect: Float32Array
    errors: RowErrors | None


def effects(snapshot: SnapshotReader, layer: str, row: Row) -> RowEffects:
    """The effects on a row, answer of the route `effects`. Raises NotFoundError, ExpressionError, UnreadableError."""
    found = row_effects(snapshot, layer, row)
    return RowEffects(
        estimate=found.estimate,
        reference="all" if row.instance is None else "class",
        margin=found.margin,
        n=found.n,
        effect=found.effect.astype(np.float32),
        errors=_errors(snapshot, layer, row) if row.instance is None else None,
    )


def _errors(snapshot: SnapshotReader, layer: str, row: Row) -> RowErrors:
    (mask,) = members(snapshot, [row])
    found = error_effects(snapshot, layer, mask)
    pulling = np.flatnonzero(found.effect > 0)
    order = pulling[np.argsort(-found.effect[pulling], kind="stable")][:SHOWN]
    shown: list[ErrorNeuron] = []
    if order.size:
        errors = np.zeros(mask.size, bool)
        errors[found.rows] = True
        right = mask & (snapshot.column("correct")[: mask.size] == 1)
        activations = np.ascontiguousarray(snapshot.activations(layer)[: mask.size, order])
        moments = statistics(activations, np.stack([errors, right]), finite=False, extremes=False)
        shown = [
            ErrorNeuron(
                neuron=int(neuron),
                effect=float(found.effect[neuron]),
                own=_of(moments, 0, place),
                right=_of(moments, 1, place) if moments.count[1, place] else None,
            )
            for place, neuron in enumerate(order)
        ]
    return RowErrors(found.estimate, found.wrong, found.rows.size, Records(ErrorNeuron, shown))


def _of(moments: Moments, row: int, place: int) -> MeanStd:
    return MeanStd(float(moments.mean[row, place]), float(moments.std[row, place]))
