"""What a pass has gathered, and how it is written: files first, then the record that names them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.columns import Outcomes
from tensorboard_activis.capture.contents import Contents
from tensorboard_activis.capture.subsets import MOST_CLASSES, Subsets
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.summarize.moments import Moments
from tensorboard_activis.summarize.sample import Sample
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.instances import InstanceWriter


@dataclass(frozen=True)
class Evaluation:
    """What stays the same over all passes of a logger."""

    layers: Sequence[schema.LayerInfo]
    class_names: Sequence[str] | None
    subsets: Mapping[str, str]
    sample: int | None


@dataclass
class Gathered:
    """What a pass has seen so far; all of it adds up, over batches and over processes.

    Attributes:
        subsets: None before the first batch, and `moments`, one per layer, is empty then.
        clipped: per layer, kept values beyond float16's range.
        totals: per metric the sum and the number of known values, float64 [2].
    """

    sample: Sample
    outcomes: Outcomes
    clipped: list[int]
    contents: Contents = field(default_factory=Contents)
    subsets: Subsets | None = None
    moments: list[Moments] = field(default_factory=list)
    seen: int = 0
    totals: dict[str, np.ndarray] = field(default_factory=dict)
    wall_time: float = field(default_factory=time.time)


def publish(
    evaluation: Evaluation,
    gathered: Gathered,
    step: int,
    arrays: ArrayWriter,
    instances: InstanceWriter,
    session: str,
) -> schema.Snapshot:
    """Writes the large parts and returns the record that names them.

    Raises:
        ActiVisError: there was not one instance.
        OSError: something cannot be written.
    """
    if not gathered.seen or gathered.subsets is None:
        raise ActiVisError("The evaluation data gave no instances, so there is nothing to show.")
    kept = gathered.sample.result()
    rows = kept["id"].shape[0]
    table = gathered.contents.table(kept, evaluation.class_names)
    columns = {
        name.removeprefix("column/"): arrays.add(name, values)
        for name, values in kept.items()
        if name.startswith("column/")
    }
    snapshot = schema.Snapshot(
        step=step,
        wall_time=gathered.wall_time,
        session=session,
        task=gathered.outcomes.task or "none",
        class_names=tuple(evaluation.class_names or ()),
        seen=gathered.seen,
        kept=rows,
        metrics={name: float(total / count) for name, (total, count) in gathered.totals.items() if count},
        instances=(instances.write(table),),
        columns=columns,
        subsets=gathered.subsets.records(),
        layers=tuple(_layers(evaluation, gathered, kept, arrays)),
        notes=tuple(_notes(gathered)),
    )
    arrays.close()
    return snapshot


def _layers(
    evaluation: Evaluation, gathered: Gathered, kept: Mapping[str, np.ndarray], arrays: ArrayWriter
) -> list[schema.Layer]:
    layers = []
    for index, (info, moments) in enumerate(zip(evaluation.layers, gathered.moments, strict=True)):
        statistics = moments.statistics()
        summary = schema.Summary(
            *(
                arrays.add(f"summary/{index}/{field}", getattr(statistics, field))
                for field in ("count", "mean", "std", "min", "max")
            )
        )
        activations = arrays.add(f"activations/{index}", kept[f"activations/{index}"])
        layers.append(
            schema.Layer(info, activations, summary, nan=moments.nan, inf=moments.inf, clipped=gathered.clipped[index])
        )
    return layers


def _notes(gathered: Gathered) -> list[str]:
    notes = []
    outcomes = gathered.outcomes
    if outcomes.stray:
        notes.append(
            f"{outcomes.stray:,} labels are missing or none of the {outcomes.classes} classes; these instances "
            "count in no class."
        )
    if outcomes.classes > MOST_CLASSES:
        notes.append(f"Of {outcomes.classes:,} classes the first {MOST_CLASSES:,} have a summary of their own.")
    return notes
