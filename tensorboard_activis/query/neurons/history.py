"""Rows of the matrix over the training steps: a statistic of one neuron or of all, at several steps of a run."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from tensorboard_activis.errors import ExpressionError, NotFoundError, QueryError, UnreadableError
from tensorboard_activis.query.contract import Float32Array, Int64Array, Records
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.query.limits import TooLargeError, check_time
from tensorboard_activis.query.matrix.matrix import matrix
from tensorboard_activis.query.matrix.rows import Row, translate_rows
from tensorboard_activis.read.snapshot import SnapshotReader

#: Values of an answer: 16 MiB. Longer histories have fewer steps.
MAX_VALUES = 1 << 22
MAX_STEPS = 1_000
DEFAULT_STEPS = 300
#: Of one step: instances of each row, int64 [rows], -1 for an empty one, and a statistic, float32 [rows, neurons].
StepValues: TypeAlias = tuple[np.ndarray, np.ndarray]
StepCache: TypeAlias = Callable[[Hashable, Callable[[], StepValues]], StepValues]


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """A step of a history.

    Attributes:
        step: training step.
        problem: why nothing is known of this step, in words; None where something is.
    """

    step: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class History:
    """A statistic of rows over the steps of a run.

    Attributes:
        statistic: the one that the values are of.
        steps: those that were looked at, ascending.
        n: instances that each row has at each step, [steps, rows]; -1 where a step lacks the row or nothing is known of the step.
        values: the statistic, [steps, rows, neurons], of one neuron or of all; NaN where it is not known.
    """

    statistic: str
    steps: Records[HistoryStep]
    n: Int64Array
    values: Float32Array


def parse_most(most: int) -> int:
    """The largest number of steps that are wanted. Raises QueryError."""
    if not 2 <= most <= MAX_STEPS:
        raise QueryError(f"most must be a number of steps from 2 to {MAX_STEPS:,}; got {most}.")
    return most


def spread(steps: Sequence[int], shown: int, most: int) -> list[int]:
    """At most `most` of the steps, evenly spread, with the first, the last, and the one shown where three fit."""
    if len(steps) <= most:
        return list(steps)
    places = np.unique(np.round(np.linspace(0, len(steps) - 1, most)).astype(int))
    if shown in steps:
        own = list(steps).index(shown)
        inner = places[1:-1]
        if own not in places and inner.size:
            inner[np.argmin(np.abs(inner - own))] = own
            places = np.unique(np.concatenate([places[:1], inner, places[-1:]]))
    return [steps[place] for place in places]


def most_steps(rows: int, neurons: int, most: int) -> int:
    """How many steps an answer may have, at most `most`. Raises TooLargeError where not even two fit into MAX_VALUES."""
    fit = MAX_VALUES // max(1, rows * neurons)
    if fit < 2:
        raise TooLargeError(
            f"{rows:,} rows of {neurons:,} neurons at two steps are more than {MAX_VALUES:,} values; ask for fewer rows, "
            "or for one neuron."
        )
    return min(most, fit)


def history(
    snapshot: SnapshotReader,
    layer: str,
    rows: Sequence[Row],
    steps: Sequence[SnapshotReader],
    neuron: int | None = None,
    statistic: str = "mean",
    cache: StepCache = lambda key, make: make(),
) -> History:
    """A statistic of each row at every one of the steps: as the matrix of each step has it.

    Declared subsets are read from the summaries; activations are read only for expressions, instances, and statistics of the
    sample.
    A step that lacks the layer, or cannot be read, has a problem; a row that a step lacks has no value there.

    Arguments:
        snapshot: the one that the rows refer to.
        steps: the snapshots to look at, ascending.
        neuron: index of one neuron; None for all.
        cache: returns what was computed for a key before, or computes it. Of declared subsets all neurons are computed, where
            they are not too many, so that another neuron is answered without a look at the steps' records.

    Raises NotFoundError for a layer, neuron or row that `snapshot` lacks, ExpressionError, TooLargeError.
    """
    neurons = snapshot.layer(layer).info.neurons
    if neuron is not None and not 0 <= neuron < neurons:
        raise NotFoundError(f"{layer} has neurons 0 to {neurons - 1}; got {neuron}.")
    columns = slice(0, neurons) if neuron is None else slice(neuron, neuron + 1)
    width = columns.stop - columns.start
    most_steps(len(rows), width, max(2, len(steps)))
    declared = all(row.subset is not None for row in rows)
    whole = declared and len(steps) * len(rows) * neurons <= MAX_VALUES
    computed, taken = (slice(0, neurons), columns) if whole else (columns, slice(0, width))
    asked = (layer, neurons, tuple(rows), statistic, computed.start, computed.stop, "" if declared else snapshot.digest)
    question = repr(asked)  # hashed once, not for each of hundreds of steps
    n = np.full((len(steps), len(rows)), -1, np.int64)
    values = np.full((len(steps), len(rows), width), np.nan, np.float32)
    looked_at = []
    for place, one in enumerate(steps):
        check_time()
        problem = None
        try:
            n[place], found = cache(
                (one.digest, question), partial(_at_step, one, snapshot, layer, rows, computed, statistic)
            )
            values[place] = found[:, taken]
        except (NotFoundError, UnreadableError) as error:
            if one is snapshot:
                raise
            problem = str(error)
        looked_at.append(HistoryStep(one.step, problem))
    return History(statistic, Records(HistoryStep, looked_at), n, values)


def _at_step(
    one: SnapshotReader, snapshot: SnapshotReader, layer: str, rows: Sequence[Row], columns: slice, statistic: str
) -> StepValues:
    """What `_at` says of one step, for rows of the snapshot. Raises NotFoundError where the layer is not the same."""
    recorded, neurons = one.layer(layer).info.neurons, snapshot.layer(layer).info.neurons
    if recorded != neurons:
        raise NotFoundError(f"{layer:.80} has {recorded:,} neurons at step {one.step}, not {neurons:,}.")
    translated = translate_rows(one, snapshot, rows)
    try:
        return _at(one, layer, translated, columns, statistic)
    except ExpressionError:
        if one is snapshot:
            raise
        return _at(one, layer, [row if _fits(one, row) else Row() for row in translated], columns, statistic)


def _at(snapshot: SnapshotReader, layer: str, rows: Sequence[Row], columns: slice, statistic: str) -> StepValues:
    """Instances of each row, int64 [rows], -1 for an empty one, and the statistic, float32 [rows, neurons]."""
    found = matrix(snapshot, layer, rows, wanted=[statistic], window=columns)
    return np.where([row == Row() for row in rows], -1, found.n), found.statistics[statistic]


def _fits(snapshot: SnapshotReader, row: Row) -> bool:
    """Whether the snapshot has the columns and layers that the row's expression needs."""
    if row.expression is None:
        return True
    try:
        matching(snapshot, row.expression, 0)
    except ExpressionError:
        return False
    return True
