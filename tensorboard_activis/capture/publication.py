"""Publishes a snapshot: writes its arrays and its table of instances to files, and makes the record that names them."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.depth import DepthTotals
from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.distributed.writer import DistributedWriter
from tensorboard_activis.capture.effects.errors import KeptErrors
from tensorboard_activis.capture.effects.measuring import EffectPlan, Measured, MeasuredLayer
from tensorboard_activis.capture.effects.record import effects_record
from tensorboard_activis.capture.instances.contents import Contents
from tensorboard_activis.capture.instances.doubts import Doubts
from tensorboard_activis.capture.instances.duplicates import DuplicateFilter
from tensorboard_activis.capture.instances.patterns import Patterns, PinnedPatterns
from tensorboard_activis.capture.instances.pinned import longest, padded, pop_arrays, pop_layers, with_pinned
from tensorboard_activis.capture.position_arrays import LayerPositions, left_out
from tensorboard_activis.capture.subsets import MOST_CLASSES, Subsets
from tensorboard_activis.capture.tasks.evaluator import TaskEvaluator
from tensorboard_activis.capture.tasks.labels import IGNORED
from tensorboard_activis.capture.tasks.predictions import Predictions
from tensorboard_activis.class_statistics import MOST_EXACT, pack
from tensorboard_activis.printable import printable
from tensorboard_activis.summarize.float16 import Convert, numpy_convert
from tensorboard_activis.summarize.layer_moments import LayerMoments
from tensorboard_activis.summarize.moments import Statistics
from tensorboard_activis.summarize.sample import Sample
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.instances import InstanceWriter
from tensorboard_activis.write.tensors import Values

#: Of a predicted text, as bytes of UTF-8.
_MOST_BYTES = 64


@dataclass(frozen=True)
class SnapshotOptions:
    """Options that all snapshots of a logger share; see the callbacks' keywords and `TaskEvaluator`."""

    layers: Sequence[schema.LayerInfo]
    class_names: Sequence[str] | None
    subsets: Mapping[str, str]
    sample: int | None
    task: str | None = None
    positions: int = 0
    probabilities: bool | None = None
    unit: str = "instance"
    convert: Convert = numpy_convert
    effects: EffectPlan | None = None
    training: schema.Training | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any], layers: Sequence[schema.LayerInfo], **more: Any) -> "SnapshotOptions":
        """Those of a logger's keywords (`RecorderOptions`) and layers; `more` are the fields from `positions` on."""
        names, subsets = options["class_names"], options["subsets"] or {}
        return cls(
            tuple(layers),
            None if names is None else [printable(name) for name in names],
            {printable(name): expression for name, expression in subsets.items()},
            options["sample"],
            options["task"],
            **more,
        )


@dataclass
class Collected:
    """Statistics, sample and counts of the batches so far. All but the pinned instances add up, over batches and processes.

    Attributes:
        subsets: None before the first batch, and `moments` are empty then.
        clipped: per layer, how many stored values are beyond the range of float16.
        totals: per metric, sum and number of its values, float64 [2].
        pinned: per batch of pinned instances, what is stored of them, as in the sample.
        patterns: of attention, of the pinned instances.
        ids_are_strings: None before the first ids.
        duplicates: hashes of the ids so far, if there are ids.
        repeated: how many instances were left out because their id came before.
        invalid_labels: labels that are no class. nonfinite: instances whose outputs are NaN or infinite.
        depth: prediction by depth, over all instances.
        doubts: what had to be guessed of sequences, over all instances.
        positions: by layer, where its neurons are active; None for a layer without positions.
        errors: those that can be in the sample, to measure effects.
        effects: as they were measured at the end, of which layers; None: they were not.
        notes: what else is to be said of the snapshot, in words; of the first process.
    """

    sample: Sample
    evaluator: TaskEvaluator
    clipped: list[int]
    contents: Contents = field(default_factory=Contents)
    subsets: Subsets | None = None
    moments: LayerMoments = field(default_factory=lambda: LayerMoments(0, ()))
    seen: int = 0
    totals: dict[str, np.ndarray] = field(default_factory=dict)
    pinned: list[dict[str, np.ndarray]] = field(default_factory=list)
    patterns: PinnedPatterns = field(default_factory=PinnedPatterns)
    ids_are_strings: bool | None = None
    duplicates: DuplicateFilter = field(default_factory=DuplicateFilter)
    repeated: int = 0
    invalid_labels: int = 0
    nonfinite: int = 0
    positions: list[LayerPositions | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wall_time: float = field(default_factory=time.time)
    depth: DepthTotals = field(default_factory=DepthTotals)
    doubts: Doubts = field(default_factory=Doubts)
    errors: KeptErrors = field(default_factory=KeptErrors)
    effects: tuple[Measured, Sequence[MeasuredLayer]] | None = None

    @classmethod
    def begin(cls, options: SnapshotOptions, processes: Processes, bound: np.uint64 | None = None) -> "Collected":
        """The state before the first batch; hashes from `bound` on are in no sample."""
        ignored = IGNORED if options.unit == "position" else None
        evaluator = TaskEvaluator(options.class_names, options.task, options.probabilities, ignored)
        none = [0] * len(options.layers)
        positions = [
            LayerPositions(options.positions, info.neurons) if options.positions and len(info.shape.sizes) > 2 else None
            for info in options.layers
        ]
        return cls(
            Sample(options.sample, bound), evaluator, none, duplicates=DuplicateFilter(processes), positions=positions
        )

    def count(self, predictions: Predictions) -> None:
        """Adds metrics and counts of a batch, which are over all instances and not over the sample."""
        for metric, counted in predictions.totals.items():
            self.totals.setdefault(metric, np.zeros(2))[:] += counted
        self.invalid_labels += predictions.invalid_labels
        self.nonfinite += predictions.nonfinite


@dataclass(frozen=True)
class StoredInstances:
    """The instances that this process writes: its part of the sample in the order of hashes, followed by the pinned ones.

    Attributes:
        arrays: by name, each [instances, ...]; `publish` takes them out.
        activations: by layer, each float16 [instances, neurons], which are written block by block.
        peaks: the same of peaks, by the layer's index, each int [instances, neurons]; of layers with recorded positions.
        order: hashes of the sample over all processes, ascending, uint64 [instances].
        sampled, pinned: number of instances in the sample and of pinned ones, over all processes.
        counts: number of instances that every process writes.
    """

    arrays: dict[str, np.ndarray]
    activations: Sequence[Values]
    peaks: Mapping[int, Values]
    order: np.ndarray
    sampled: int
    pinned: int
    counts: tuple[int, ...]

    @classmethod
    def of_single_process(cls, collected: Collected) -> "StoredInstances":
        """All instances, if there is only one process."""
        order = collected.sample.order()
        columns = collected.sample.result()
        count = len(columns["id"])
        pinned = sum(len(next(iter(batch.values()))) for batch in collected.pinned)
        layers = range(len(collected.clipped))
        activations = pop_layers("activations", columns, collected.pinned, layers)
        peaks = pop_layers("peaks", columns, collected.pinned, layers)
        arrays = with_pinned(pop_arrays(columns), collected.pinned, count, pinned)
        return cls(arrays, list(activations.values()), peaks, order, count, pinned, (count + pinned,))


def publish(
    options: SnapshotOptions,
    collected: Collected,
    stored: StoredInstances,
    step: int,
    arrays: ArrayWriter,
    instances: InstanceWriter,
    session: str,
    processes: Processes,
) -> schema.Snapshot:
    """Writes this process's part, and returns the record, which names the parts of all processes; by then all are written.

    Raises:
        ActiVisError: files of other processes are not visible here.
        OSError: a file cannot be written.
    """
    assert collected.subsets is not None
    writer = DistributedWriter(processes, arrays, stored.counts)
    varying = {name: stored.arrays.pop(name) for name in list(stored.arrays) if name.startswith("column/")}
    read = {name: stored.arrays.pop(name) for name in list(stored.arrays) if name.startswith("depth/")}
    table = collected.contents.table(stored.arrays, options.class_names)
    stored.arrays.clear()  # texts and pictures are in the table now
    columns = {}
    for name, values in varying.items():
        if name == "column/prediction" and collected.evaluator.has_texts:
            values = _as_bytes(values, processes)
        elif values.dtype == object:
            values = padded(values, int(processes.max(np.array([longest(values)]))[0]))
        columns[name.removeprefix("column/")] = writer.add_partitioned(name, values)
    layers = _layers(options, collected, stored, writer, processes)
    depth = _depth(collected, read, writer, processes)
    effects = None
    if options.effects is not None and collected.effects is not None and processes.rank == 0:
        measured, of_layers = collected.effects
        effects = effects_record(options.effects, measured, stored.order, of_layers, writer)
    return schema.Snapshot(
        step=step,
        wall_time=collected.wall_time,
        session=session,
        task=collected.evaluator.task or "none",
        class_names=tuple(options.class_names or ()),
        seen=collected.seen,
        sample_size=stored.sampled,
        pinned=stored.pinned,
        metrics={name: float(total / count) for name, (total, count) in collected.totals.items() if count},
        instances=writer.close(instances, table),
        columns=columns,
        subsets=collected.subsets.records(),
        layers=tuple(layers),
        notes=tuple(_notes(options, collected)),
        depth=depth,
        unit="" if options.unit == "instance" else options.unit,
        effects=effects,
        training=options.training,
    )


def _depth(
    collected: Collected, read: Mapping[str, np.ndarray], writer: DistributedWriter, processes: Processes
) -> schema.Depth | None:
    """Prediction by depth; None if there is none, or not of every batch."""
    totals = collected.depth
    if not totals.layers or totals.failed or not totals.read:
        return None
    right = np.full(len(totals.layers), np.nan) if not totals.counted else totals.right / totals.counted
    return schema.Depth(
        totals.layers,
        top=writer.add_partitioned("depth/top", read["depth/top"]),
        score=writer.add_partitioned("depth/score", read["depth/score"]),
        rank=writer.add_partitioned("depth/rank", np.maximum(read["depth/rank"], 0)),
        label=writer.add_partitioned("depth/label", read["depth/label"]),
        right=writer.add_replicated("depth/right", right.astype(np.float64)),
        counted=totals.counted,
        token=totals.token,
        texts=_texts_of_tokens(totals, np.concatenate([read["depth/top"].ravel(), read["depth/label"]]), processes),
    )


def _texts_of_tokens(totals: DepthTotals, tokens: np.ndarray, processes: Processes) -> dict[int, str]:
    """The texts of the tokens that are stored, of all processes; empty where none has a tokenizer."""
    stored = np.unique(tokens[tokens >= 0]).astype(np.int64)
    everywhere = [np.frombuffer(data, np.int64) for data in processes.all_gather(stored.tobytes())]
    ids = np.unique(np.concatenate(everywhere)).tolist()
    own = dict(zip(ids, totals.texts(ids), strict=True)) if totals.texts is not None else {}
    known = (json.loads(data) for data in processes.all_gather(json.dumps(list(own.items())).encode()))
    return next((dict(each) for each in known if each), {})


def _as_bytes(texts: np.ndarray, processes: Processes) -> np.ndarray:
    """Texts as rows of UTF-8, uint8 [instances, width], filled up with zeros; all zeros where there is none."""
    encoded = [(text or "").encode("utf-8", "replace")[:_MOST_BYTES] for text in texts]
    width = int(processes.max(np.array([max(map(len, encoded), default=0)]))[0])
    joined = b"".join(text.ljust(width, b"\0") for text in encoded)
    return np.frombuffer(joined, np.uint8).reshape(len(encoded), width)


def _layers(
    options: SnapshotOptions,
    collected: Collected,
    stored: StoredInstances,
    writer: DistributedWriter,
    processes: Processes,
) -> list[schema.Layer]:
    assert collected.subsets is not None
    layers = []
    moments = collected.moments
    of_class = np.array([subset.kind == "class" for subset in collected.subsets.records()], bool)
    problems = []
    for index, info in enumerate(options.layers):
        arrays = _summary_arrays(moments.statistics(index), of_class)
        summary = schema.Summary(
            **{name: writer.add_replicated(f"summary/{index}/{name}", array) for name, array in arrays.items()}
        )
        activations = writer.add_partitioned(f"activations/{index}", stored.activations[index])
        found = collected.positions[index] if index in stored.peaks else None
        positions, problem = (
            (None, "")
            if found is None
            else found.write(
                index, stored.activations[index], stored.peaks[index], stored.order, stored.pinned, writer, processes
            )
        )
        problems.append(problem)
        layers.append(
            schema.Layer(
                info,
                activations,
                summary,
                nan=moments.nan(index),
                inf=moments.inf(index),
                clipped=collected.clipped[index],
                positions=positions,
                patterns=_patterns(collected.patterns.of(info.name), index, writer),
            )
        )
    collected.notes += left_out([info.name for info in options.layers], problems)
    return layers


def _patterns(patterns: Patterns | None, index: int, writer: DistributedWriter) -> schema.Patterns | None:
    """Writes the patterns of a layer, which the first process has alone, as it has the pinned instances."""
    if patterns is None:
        return None
    return schema.Patterns(
        writer.add_replicated(f"patterns/{index}", patterns.shares),
        writer.add_replicated(f"patterns/{index}/together", patterns.together),
    )


def _summary_arrays(statistics: Statistics, of_class: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of a layer's summary by name, packed where there are many classes; `of_class` is bool [subsets]."""
    exact = {name: getattr(statistics, name) for name in ("mean", "std", "min", "max")}
    if np.count_nonzero(of_class) <= MOST_EXACT:
        return {"count": statistics.count, **exact}
    mean, std, low, high = (values[of_class] for values in exact.values())
    classes, scales = pack((mean, std, low, high))
    count = statistics.count
    if count.shape[1] > 1 and count.max() <= np.iinfo(np.int32).max:
        count = count.astype(np.int32)
    return {
        "count": count,
        **{name: values[~of_class] for name, values in exact.items()},
        "classes": classes,
        "scales": scales,
    }


def _notes(options: SnapshotOptions, collected: Collected) -> list[str]:
    doubts = collected.doubts.notes(of_positions=options.unit == "position")
    notes = [*collected.notes, *collected.patterns.notes(), *doubts]
    evaluator = collected.evaluator
    if collected.repeated:
        notes.append(
            f"Instances with an id that came before: {collected.repeated:,}. They are taken to be the same and counted once."
        )
    if collected.invalid_labels:
        what = f"none of the {evaluator.classes} classes" if evaluator.classes else "no class"
        notes.append(
            f"Labels that are missing or {what}: {collected.invalid_labels:,}. Their instances count in no class."
        )
    if collected.nonfinite:
        notes.append(
            f"Instances for which the model gave NaN or infinity: {collected.nonfinite:,}. They have no prediction, and are not in "
            "the mean loss."
        )
    if evaluator.classes > MOST_CLASSES:
        notes.append(f"Of {evaluator.classes:,} classes the first {MOST_CLASSES:,} have a summary of their own.")
    return notes
