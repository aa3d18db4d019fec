"""What layers know of columns: a ridge probe on held-out instances, against values that are shuffled within the label."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tensorboard_activis.column_kinds import column_kind
from tensorboard_activis.errors import ActiVisError, NotFoundError
from tensorboard_activis.query.arithmetic.halffloat import not_finite, widen
from tensorboard_activis.query.findings.conditions import LEAST_INSTANCES, NO_CONDITIONS
from tensorboard_activis.query.findings.finding import Finding, counted, shown_number
from tensorboard_activis.query.findings.remembered import is_thinned, remembered_accuracy
from tensorboard_activis.query.findings.scan import LEVEL
from tensorboard_activis.query.findings.steps import first_step
from tensorboard_activis.query.instances.classes import is_classes, label_values
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Instances that are probed, the first of the sample; columns, and their values; neurons of a layer.
MOST_INSTANCES, MOST_COLUMNS, MOST_VALUES, MOST_NEURONS = 512, 10, 8, 8_192
FOLDS = 5
SHUFFLES = 39
#: How far the balanced accuracy must be above that of shuffled values.
LEAST_GAIN = 0.1
#: Of the mean squared length of an instance, with neurons scaled to a deviation of 1.
_RIDGE = 0.1
_STEPS_BACK = 20


@dataclass(frozen=True, slots=True)
class _Target:
    """A column as a target: its name, and the code of each instance's value, -1 for none or a rare one."""

    name: str
    codes: np.ndarray
    size: int


@dataclass(frozen=True, slots=True)
class _Measured:
    """The layer that knows a column best: its balanced accuracy, that of shuffled values, and p over so many candidates."""

    layer: str
    accuracy: float
    usual: float
    p: float
    candidates: int


def decodable(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
    """Columns of few values that layers of the last snapshot know beyond what the label says, one finding per column.

    A ridge regression on the layer's activations predicts the value of held-out instances, in five folds. Its balanced accuracy is
    compared with that of values shuffled within the label; p is that of the largest gain over all layers and columns.

    Arguments:
        snapshots: steps ascending.
    """
    last = snapshots[-1]
    count = min(MOST_INSTANCES, last.record.sample_size)
    targets = _targets(last, count)
    if not targets:
        return []
    strata = _strata(last, count)
    shuffles = [targets, *([_shuffled(one, strata, number) for one in targets] for number in range(SHUFFLES))]
    layers: list[str] = []
    rows: list[np.ndarray] = []
    for name in last.layers:
        check_time()
        accuracy = _accuracies(last, name, shuffles, count)
        if accuracy is not None:
            layers.append(name)
            rows.append(accuracy)
    if not rows:
        return []
    accuracies = np.stack(rows)  # [layers, shuffles + 1, targets]
    usual = accuracies[:, 1:].mean(axis=1)
    gains = accuracies - usual[:, None]
    largest = gains[:, 1:].max(axis=(0, 2))
    found: list[Finding] = []
    for place, target in enumerate(targets):
        gain = gains[:, 0, place]
        p_of = [(1 + int((largest >= one).sum())) / (1 + SHUFFLES) for one in gain]
        knows = [index for index, one in enumerate(gain) if p_of[index] <= LEVEL and one >= LEAST_GAIN]
        if knows:
            best = max(knows, key=lambda index: (round(float(gain[index]), 2), -index))
            measured = _Measured(
                layers[best],
                float(accuracies[best, 0, place]),
                float(usual[best, place]),
                p_of[best],
                len(layers) * len(targets),
            )
            found.append(_finding(snapshots, measured, f"{len(knows)} of {counted(len(layers), 'layer')}", target))
    return found


def _finding(snapshots: Sequence[SnapshotReader], measured: _Measured, layers: str, target: _Target) -> Finding:
    layer, accuracy, usual = measured.layer, measured.accuracy, measured.usual
    n = int((target.codes >= 0).sum())

    def still_known(snapshot: SnapshotReader) -> bool:
        if is_thinned(snapshot):
            return remembered_accuracy(snapshot, target.name, layer) >= usual + LEAST_GAIN
        count = min(MOST_INSTANCES, snapshot.record.sample_size)
        same = [one for one in _targets(snapshot, count) if (one.name, one.size) == (target.name, target.size)]
        accuracies = _accuracies(snapshot, layer, [same], count) if same else None
        return accuracies is not None and float(accuracies[0, 0]) >= usual + LEAST_GAIN

    return Finding(
        kind="decodable",
        title=f"{layer} knows {target.name}",
        sentence=f"{target.name}, one of {target.size} values, can be read from {layers}, best from {layer}: balanced accuracy "
        f"{accuracy:.2f} over {n:,} held-out instances, {usual:.2f} where the values are shuffled within the label; "
        f"p = {shown_number(measured.p)} over {measured.candidates:,} candidates, {SHUFFLES} shuffles.",
        strength=float(np.clip((accuracy - usual) / max(1e-9, 1 - usual), 0, 1)),
        p=measured.p,
        layer=layer,
        target=target.name,
        step=first_step(snapshots, still_known, _STEPS_BACK),
    )


def known_by_layer(
    snapshot: SnapshotReader, column: str
) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
    """The layers, the balanced accuracy of a column in each, and the mean of that of values shuffled within the label.

    NaN where a layer cannot be probed. Raises NotFoundError where the column is not one that is looked at.
    """
    count = min(MOST_INSTANCES, snapshot.record.sample_size)
    target = next((one for one in _targets(snapshot, count) if one.name == column), None)
    if target is None:
        raise NotFoundError(
            f"Step {snapshot.step} has no column {column!r:.80} that can be looked for in layers. It needs two to {MOST_VALUES} "
            f"values, each with at least {LEAST_INSTANCES} instances."
        )
    strata = _strata(snapshot, count)
    shuffles = [[target], *([_shuffled(target, strata, number)] for number in range(SHUFFLES))]
    accuracy, usual = [], []
    for name in snapshot.layers:
        check_time()
        found = _accuracies(snapshot, name, shuffles, count)
        accuracy.append(math.nan if found is None else float(found[0, 0]))
        usual.append(math.nan if found is None else float(found[1:, 0].mean()))
    return tuple(snapshot.layers), tuple(accuracy), tuple(usual)


def accuracies(snapshot: SnapshotReader) -> dict[str, dict[str, float]]:
    """The balanced accuracy of each column that is looked at in each layer, by column and layer. Raises UnreadableError."""
    count = min(MOST_INSTANCES, snapshot.record.sample_size)
    targets = _targets(snapshot, count)
    found: dict[str, dict[str, float]] = {target.name: {} for target in targets}
    for name in snapshot.layers if targets else ():
        check_time()
        of_targets = _accuracies(snapshot, name, [targets], count)
        for target, accuracy in zip(
            targets, [] if of_targets is None else of_targets[0], strict=of_targets is not None
        ):
            found[target.name][name] = float(accuracy)
    return found


def _strata(snapshot: SnapshotReader, count: int) -> np.ndarray:
    labels = label_values(snapshot)
    return labels[:count] if labels is not None and is_classes(labels) else np.zeros(count, np.int32)


def _targets(snapshot: SnapshotReader, count: int) -> list[_Target]:
    """Columns with two to eight values of at least 20 instances each; only the first so many.

    Not the model's own inputs, which are columns x0, x1, …: its layers know them, and there may be more than all other columns.
    """
    table = snapshot.instances.slice(0, count)
    features = _features(table)
    found: list[_Target] = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column_kind(column.type)
        if name in NO_CONDITIONS or name == "label" or kind not in ("number", "boolean", "category", "text"):
            continue
        check_time()
        if kind == "number" and _is_input(column, name, features):
            continue
        plain = column.combine_chunks()
        encoded = plain if pa.types.is_dictionary(plain.type) else plain.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
        sizes = np.bincount(codes[codes >= 0], minlength=1)
        frequent = np.flatnonzero(sizes >= LEAST_INSTANCES)
        if not 2 <= frequent.size <= MOST_VALUES or sizes[frequent].sum() * 2 < codes.size:
            continue
        position = np.full(sizes.size + 1, -1)  # the last is for -1
        position[frequent] = np.arange(frequent.size)
        found.append(_Target(name, position[codes], frequent.size))
        if len(found) == MOST_COLUMNS:
            break
    return found


def _features(table: pa.Table) -> np.ndarray:
    """The features that are kept as content, float32 [features, instances]; without any where they are not kept, or not of all."""
    place = table.schema.get_field_index("features")
    column = table.column(place).combine_chunks() if place >= 0 else None
    if column is None or column.null_count:
        return np.zeros((0, len(table)), np.float32)
    return np.ascontiguousarray(column.flatten().to_numpy().reshape(-1, column.type.list_size).T)


def _is_input(column: pa.ChunkedArray, name: str, features: np.ndarray) -> bool:
    """Whether a column of numbers is one of the model's own inputs: x0, x1, … of its features."""
    if not re.fullmatch(r"x[0-9]{1,5}", name) or int(name[1:]) >= len(features):
        return False
    return bool(np.array_equal(features[int(name[1:])], column.to_numpy().astype(np.float32), equal_nan=True))


def _shuffled(target: _Target, strata: np.ndarray, number: int) -> _Target:
    """The same with its values shuffled within the label."""
    random = np.random.default_rng((2, number))
    keys = random.random(strata.size)
    codes = np.empty_like(target.codes)
    codes[np.lexsort((np.arange(strata.size), strata))] = target.codes[np.lexsort((keys, strata))]
    return _Target(target.name, codes, target.size)


def _accuracies(
    snapshot: SnapshotReader, layer: str, shuffles: Sequence[Sequence[_Target]], count: int
) -> np.ndarray | None:
    """Balanced accuracy of held-out decisions, float64 [shuffles, targets]; None where the layer does not vary or is too wide."""
    try:
        half = snapshot.activations(layer)[:count]
    except ActiVisError:
        return None
    if half.shape[1] > MOST_NEURONS:
        return None
    lost = np.asarray(not_finite(half).any(axis=1))
    values = widen(np.ascontiguousarray(half)).astype(np.float32)
    values[lost] = 0
    values -= values.mean(axis=0)
    deviation = values.std(axis=0)
    values = values[:, deviation > 1e-6] / deviation[deviation > 1e-6]
    if not values.shape[1] or count < FOLDS * 2:
        return None
    products = (values @ values.T).astype(np.float64)
    flat = [target for each in shuffles for target in each]
    wanted = np.concatenate([_one_hot(target, lost) for target in flat], axis=1)
    decided = np.empty_like(wanted)
    folds = np.arange(count) % FOLDS
    ridge = _RIDGE * float(np.trace(products)) / count
    for fold in range(FOLDS):
        check_time()
        train, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        system = products[np.ix_(train, train)] + ridge * np.eye(train.size)
        weights = np.linalg.solve(system, products[np.ix_(train, held)]).T.astype(np.float32)
        mean = wanted[train].mean(axis=0)
        decided[held] = weights @ (wanted[train] - mean) + mean
    found, start = [], 0
    for target in flat:
        scores = decided[:, start : start + target.size]
        start += target.size
        known = (target.codes >= 0) & ~lost
        own = target.codes[known]
        right = scores[known].argmax(axis=1) == own
        sizes = np.bincount(own, minlength=target.size)
        found.append(float((np.bincount(own[right], minlength=target.size) / np.maximum(sizes, 1)).mean()))
    return np.array(found).reshape(len(shuffles), -1)


def _one_hot(target: _Target, lost: np.ndarray) -> np.ndarray:
    """What the regression is to say, float32 [instances, values]: each value counts alike, however rare; rows of none are zero."""
    known = (target.codes >= 0) & ~lost
    wanted = np.zeros((target.codes.size, target.size), np.float32)
    wanted[np.flatnonzero(known), target.codes[known]] = 1
    return wanted
