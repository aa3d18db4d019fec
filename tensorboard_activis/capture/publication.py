"""What a pass has gathered, and how it is written: files first, then the record that names them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.contents import Contents
from tensorboard_activis.capture.distributed_writer import DistributedWriter
from tensorboard_activis.capture.duplicates import DuplicateFilter
from tensorboard_activis.capture.pinned import longest, padded, with_pinned
from tensorboard_activis.capture.predictions import Predictions
from tensorboard_activis.capture.processes import Processes
from tensorboard_activis.capture.subsets import MOST_CLASSES, Subsets
from tensorboard_activis.capture.tasks import TaskEvaluator
from tensorboard_activis.summarize.float16 import Convert, numpy_convert
from tensorboard_activis.summarize.moments import Moments
from tensorboard_activis.summarize.sample import Sample
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.instances import InstanceWriter


@dataclass(frozen=True)
class SnapshotOptions:
    """What stays the same over all passes of a logger; see the callbacks' keywords and `TaskEvaluator`."""

    layers: Sequence[schema.LayerInfo]
    class_names: Sequence[str] | None
    subsets: Mapping[str, str]
    sample: int | None
    task: str | None = None
    probabilities: bool | None = None
    convert: Convert = numpy_convert


@dataclass
class Collected:
    """What a pass has seen so far; all of it but the pinned instances adds up, over batches and over processes.

    Attributes:
        subsets: None before the first batch, and `moments`, one per layer, is empty then.
        clipped: per layer, kept values beyond float16's range.
        totals: per metric the sum and the number of known values, float64 [2].
        pinned: per batch of pinned instances what is kept of them, as in the sample.
        texts: whether ids are texts; None as long as there were none.
        duplicates: the ids so far, where they were given. repeated: instances left out because theirs came before.
        invalid_labels: labels that are no class. nonfinite: instances whose outputs are NaN or infinite.
    """

    sample: Sample
    evaluator: TaskEvaluator
    clipped: list[int]
    contents: Contents = field(default_factory=Contents)
    subsets: Subsets | None = None
    moments: list[Moments] = field(default_factory=list)
    seen: int = 0
    totals: dict[str, np.ndarray] = field(default_factory=dict)
    pinned: list[dict[str, np.ndarray]] = field(default_factory=list)
    texts: bool | None = None
    duplicates: DuplicateFilter = field(default_factory=DuplicateFilter)
    repeated: int = 0
    invalid_labels: int = 0
    nonfinite: int = 0
    wall_time: float = field(default_factory=time.time)

    @classmethod
    def begun(cls, evaluation: SnapshotOptions, processes: Processes) -> "Collected":
        """Nothing yet."""
        outcomes = TaskEvaluator(evaluation.class_names, evaluation.task, evaluation.probabilities)
        none = [0] * len(evaluation.layers)
        return cls(Sample(evaluation.sample), outcomes, none, duplicates=DuplicateFilter(processes))

    def count(self, outcome: Predictions) -> None:
        """Adds what is over all instances seen, not over the sample."""
        for metric, counted in outcome.totals.items():
            self.totals.setdefault(metric, np.zeros(2))[:] += counted
        self.invalid_labels += outcome.invalid_labels
        self.nonfinite += outcome.nonfinite


@dataclass(frozen=True)
class StoredInstances:
    """The rows that this process writes: its part of the sample in hash order, behind which come the pinned instances.

    Attributes:
        kept: by name, each array [instances, ...].
        sampled, pinned: how many there are of both, in all parts.
        counts: rows of every process.
    """

    kept: Mapping[str, np.ndarray]
    sampled: int
    pinned: int
    counts: tuple[int, ...]

    @classmethod
    def of(cls, gathered: Collected) -> "StoredInstances":
        """All rows, of the one process that there is."""
        sampled = gathered.sample.result()
        rows = sampled["id"].shape[0]
        pinned = sum(len(next(iter(batch.values()))) for batch in gathered.pinned)
        return cls(with_pinned(sampled, gathered.pinned, rows, pinned), rows, pinned, (rows + pinned,))


def publish(
    evaluation: SnapshotOptions,
    gathered: Collected,
    rows: StoredInstances,
    step: int,
    arrays: ArrayWriter,
    instances: InstanceWriter,
    session: str,
    processes: Processes,
) -> schema.Snapshot:
    """Writes this process's part and returns the record, which names all parts; they are written when it returns.

    Raises:
        OSError: something cannot be written.
    """
    assert gathered.subsets is not None
    writer = DistributedWriter(processes, arrays, rows.counts)
    kept = rows.kept
    table = gathered.contents.table(kept, evaluation.class_names)
    columns = {}
    for name, values in kept.items():
        if name.startswith("column/"):
            if values.dtype == object:
                values = padded(values, int(processes.max(np.array([longest(values)]))[0]))
            columns[name.removeprefix("column/")] = writer.add_partitioned(name, values)
    layers = _layers(evaluation, gathered, kept, writer)
    return schema.Snapshot(
        step=step,
        wall_time=gathered.wall_time,
        session=session,
        task=gathered.evaluator.task or "none",
        class_names=tuple(evaluation.class_names or ()),
        seen=gathered.seen,
        kept=rows.sampled,
        pinned=rows.pinned,
        metrics={name: float(total / count) for name, (total, count) in gathered.totals.items() if count},
        instances=writer.close(instances, table),
        columns=columns,
        subsets=gathered.subsets.records(),
        layers=tuple(layers),
        notes=tuple(_notes(gathered)),
    )


def _layers(
    evaluation: SnapshotOptions, gathered: Collected, kept: Mapping[str, np.ndarray], writer: DistributedWriter
) -> list[schema.Layer]:
    layers = []
    for index, (info, moments) in enumerate(zip(evaluation.layers, gathered.moments, strict=True)):
        statistics = moments.statistics()
        summary = schema.Summary(
            *(
                writer.add_replicated(f"summary/{index}/{field}", getattr(statistics, field))
                for field in ("count", "mean", "std", "min", "max")
            )
        )
        activations = writer.add_partitioned(f"activations/{index}", kept[f"activations/{index}"])
        layers.append(
            schema.Layer(info, activations, summary, nan=moments.nan, inf=moments.inf, clipped=gathered.clipped[index])
        )
    return layers


def _notes(gathered: Collected) -> list[str]:
    notes = []
    outcomes = gathered.evaluator
    if gathered.repeated:
        notes.append(
            f"{gathered.repeated:,} instances have an id that came before; they are taken for the same and counted once."
        )
    if gathered.invalid_labels:
        what = f"none of the {outcomes.classes} classes; these" if outcomes.classes else "no class; these"
        notes.append(f"{gathered.invalid_labels:,} labels are missing or {what} instances count in no class.")
    if gathered.nonfinite:
        notes.append(
            f"For {gathered.nonfinite:,} instances the model gave NaN or infinities; they have no prediction, and are not in the "
            "mean loss."
        )
    if outcomes.classes > MOST_CLASSES:
        notes.append(f"Of {outcomes.classes:,} classes the first {MOST_CLASSES:,} have a summary of their own.")
    return notes
