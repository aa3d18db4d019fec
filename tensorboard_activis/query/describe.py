"""Describes a snapshot: its layers, subsets and columns, with counts and warnings."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import ActiVisError, ThinnedError
from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.instances.content import ContentKind, describe_content
from tensorboard_activis.query.instances.kinds import ColumnInfo, describe_columns
from tensorboard_activis.query.matrix import strips
from tensorboard_activis.query.matrix.statistic import STATISTIC_INFOS, StatisticInfo
from tensorboard_activis.read.arrays import listed
from tensorboard_activis.read.snapshot import SnapshotReader, once_per_snapshot
from tensorboard_activis.read.thinned import keep_of, thinned_text

#: See docs/tasks.md.
Task: TypeAlias = Literal["classification", "multilabel", "tokens", "regression", "ranking", "none"]
_TASKS = get_args(Task)
#: What an instance is: an example of the data, or a token or place of one.
Unit: TypeAlias = Literal["instance", "position"]


@dataclass(frozen=True, slots=True)
class LayerWarnings:
    """What is odd about the values of a layer.

    Attributes:
        all_zero: neurons that were 0 for all instances.
        constant: neurons that had one value, not 0, for all instances.
        never_above_zero: neurons that a ReLU follows and that were above 0 for no instance.
        nonfinite: values that are NaN or infinite.
        clipped: kept values beyond float16's range.
    """

    all_zero: int = 0
    constant: int = 0
    never_above_zero: int = 0
    nonfinite: int = 0
    clipped: int = 0


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """A recorded layer.

    Attributes:
        name: key of its node in the graph.
        neurons: how many it has.
        reducer: how one number per neuron and instance was made of the raw output; "none" when there was nothing to reduce.
        axis: axis of the raw output that holds the neurons, counted without the batch axis.
        sizes: of the raw output; -1 is the batch axis.
        positions: sizes of its axes of positions, where peaks were recorded; -1 is a sequence, whose length differs between
            instances. Empty where none were.
        signed: whether any activation lies below zero.
        max_abs: the largest absolute activation over all instances seen.
        problem: why it cannot be shown, in words; None when it can.
        warnings: what is odd about its values.
    """

    name: str
    neurons: int
    reducer: str
    axis: int
    sizes: tuple[int, ...]
    positions: tuple[int, ...]
    signed: bool
    max_abs: MaybeNaN
    problem: str | None
    warnings: LayerWarnings


@dataclass(frozen=True, slots=True)
class SubsetInfo:
    """A declared subset.

    Attributes:
        name: unique in the snapshot.
        kind: "all", "class", "correct", "wrong" or "user".
        expression: which instances are in it.
        count: instances in it, of all that were seen.
    """

    name: str
    kind: str
    expression: str
    count: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """Means over all instances (tokens) seen.

    Attributes:
        accuracy: share of right predictions; None where it has no meaning.
        loss: None where it has no meaning.
    """

    accuracy: float | None
    loss: float | None


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """One model at one training step over the evaluation data.

    Attributes:
        run: as listed by `runs`.
        step: training step.
        wall_time: when it was recorded, seconds since 1970.
        task: what the model was made for; see [tasks.md](tasks.md).
        class_names: by class index; empty where classes have no names.
        unit: what an instance is: "instance", an example of the data, or "position", a token or place of one.
        seen: instances in the evaluation data.
        sample_size: instances of the sample, which are kept one by one.
        pinned: extra instances, which come after the sample's; they are in no statistic.
        metrics: accuracy and loss.
        content: what an instance is, to be shown; None when it was not kept.
        ink: whether images are bright strokes on an empty ground, which a light page shows inverted.
        layers: recorded layers.
        subsets: declared subsets; the first holds all instances.
        columns: what an expression may use.
        statistics: what a matrix may show.
        depth: whether prediction by depth was recorded, and is still there.
        notes: what was lost or odd when it was recorded, in words, and that it was thinned.
        problems: what cannot be read now, in words.
    """

    run: str
    step: int
    wall_time: float
    task: Task
    class_names: tuple[str, ...]
    unit: Unit
    seen: int
    sample_size: int
    pinned: int
    metrics: Metrics
    content: ContentKind | None
    ink: bool
    layers: Records[LayerInfo]
    subsets: Records[SubsetInfo]
    columns: Records[ColumnInfo]
    statistics: Records[StatisticInfo]
    depth: bool
    notes: tuple[str, ...]
    problems: tuple[str, ...]


def describe_snapshot(snapshot: SnapshotReader, run: str) -> SnapshotInfo:
    """What a snapshot holds. Damage is listed under `problems`, never raised."""
    record, remains = snapshot.record, snapshot.remains
    thinned = () if remains is None else (thinned_text(f"step {record.step}", keep_of(remains)),)
    lost: dict[str, list[str]] = {}  # what cannot be shown, by its cause: one missing file is behind many layers
    content, ink, columns = None, False, Records(ColumnInfo)
    try:
        content, ink, columns = _describe_instances(snapshot)
    except ActiVisError as error:
        lost[str(error)] = ["Instances"]
    layers = Records(
        LayerInfo, (describe_layer(snapshot, layer, is_thinned=remains is not None) for layer in record.layers)
    )
    for layer in layers:
        if layer.problem:
            lost.setdefault(layer.problem, []).append(layer.name)
    return SnapshotInfo(
        run=run,
        step=record.step,
        wall_time=record.wall_time,
        task=cast(Task, record.task) if record.task in _TASKS else "none",
        class_names=tuple(record.class_names),
        unit="position" if record.unit == "position" else "instance",
        seen=record.seen,
        sample_size=record.sample_size,
        pinned=record.pinned,
        metrics=Metrics(record.metrics.get("accuracy"), record.metrics.get("loss")),
        content=content,
        ink=ink,
        layers=layers,
        subsets=Records(
            SubsetInfo, (SubsetInfo(one.name, one.kind, one.expression, one.count) for one in record.subsets)
        ),
        columns=columns,
        statistics=STATISTIC_INFOS,
        depth=record.depth is not None and remains is None,
        notes=(*thinned, *record.notes),
        problems=tuple(f"{listed(names)} cannot be shown: {cause}" for cause, names in lost.items()),
    )


@once_per_snapshot
def _describe_instances(snapshot: SnapshotReader) -> tuple[ContentKind | None, bool, Records[ColumnInfo]]:
    """The kind of content, whether images are strokes on an empty ground, and the columns. Raises UnreadableError."""
    return *describe_content(snapshot), describe_columns(snapshot.instances)


def describe_layer(snapshot: SnapshotReader, layer: schema.Layer, *, is_thinned: bool) -> LayerInfo:
    """One layer with its warnings."""
    info, signed, max_abs, problem = layer.info, True, 0.0, None
    warnings = LayerWarnings(nonfinite=layer.nan + layer.inf, clipped=layer.clipped)
    try:
        signed, max_abs, warnings = _describe_values(snapshot, info.name)
        if not snapshot.record.subsets:
            problem = "It has no statistics."
    except ActiVisError as error:
        problem = str(error)
    return LayerInfo(
        name=info.name,
        neurons=info.neurons,
        reducer=info.reducer,
        axis=info.axis,
        sizes=tuple(info.shape.sizes),
        positions=() if is_thinned else snapshot.position_sizes(info.name),
        signed=signed,
        max_abs=max_abs,
        problem=problem,
        warnings=warnings,
    )


@once_per_snapshot
def _describe_values(snapshot: SnapshotReader, name: str) -> tuple[bool, float, LayerWarnings]:
    """Whether any activation of a layer lies below zero, the largest absolute one, and the warnings. Raises UnreadableError."""
    layer, summary = snapshot.layer(name), snapshot.summary(name, 1)
    with suppress(ThinnedError):  # what the snapshot's note says
        snapshot.check_activations(name)
    signed, max_abs, counts = True, 0.0, [0] * len(strips.STATES)
    if snapshot.record.subsets:
        signed, max_abs = strips.is_signed(summary), strips.largest(summary)
        counts = np.bincount(strips.states(layer, summary, snapshot.record.seen), minlength=len(counts)).tolist()
    warnings = LayerWarnings(
        all_zero=counts[strips.ALL_ZERO],
        constant=counts[strips.CONSTANT],
        never_above_zero=counts[strips.NEVER_ABOVE_ZERO],
        nonfinite=layer.nan + layer.inf,
        clipped=layer.clipped,
    )
    return signed, max_abs, warnings
