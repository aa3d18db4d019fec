"""One pass over the evaluation data: takes batches, makes one snapshot."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.capture.columns import Outcomes, Thumbnails, is_image
from tensorboard_activis.capture.instances import identifiers, named, outcome_table
from tensorboard_activis.capture.subsets import MOST_CLASSES, Subsets
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.summarize.moments import Moments
from tensorboard_activis.summarize.sample import Sample, ranks, to_float16
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.instances import InstanceWriter

#: Inputs of rank 2 with at most so many features are kept as content.
MOST_FEATURES = 256


@dataclass(frozen=True)
class Evaluation:
    """What stays the same over all passes of a logger."""

    layers: Sequence[schema.LayerInfo]
    class_names: Sequence[str] | None
    subsets: Mapping[str, str]
    sample: int | None


class Pass:
    """Collects one snapshot, batch by batch. What is held grows with the sample, not with the data."""

    def __init__(self, evaluation: Evaluation, step: int) -> None:
        self._evaluation = evaluation
        self._step = step
        self._wall_time = time.time()
        self._outcomes = Outcomes(evaluation.class_names)
        self._subsets: Subsets | None = None
        self._moments: list[Moments] = []
        self._sample = Sample(evaluation.sample)
        self._thumbnails: Thumbnails | None = None
        self._clipped = [0] * len(evaluation.layers)
        self._texts = False
        self._seen = 0
        self._totals: dict[str, np.ndarray] = {}

    def add(
        self,
        activations: Mapping[str, np.ndarray],
        *,
        inputs: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        outputs: np.ndarray | None = None,
        ids: Sequence[int] | Sequence[str] | None = None,
        channels: str = "last",
        texts: Sequence[str] | None = None,
    ) -> None:
        """Adds one batch.

        Args:
            activations: per layer float32 [instances, neurons], already reduced.
            inputs: what the model was given, [instances, ...]; shown where it looks like images or features.
            labels: class indices (-1: none), or floats for regression, [instances].
            outputs: logits or probabilities [instances, classes], or [instances].
            ids: stable identities, all integers or all texts; the running index when None.
            channels: where images have their channels, "first" or "last".
            texts: what a person would read, [instances]; shown, and the column `text` of subset expressions.

        Raises:
            ActiVisError: a layer is missing, its width or its number of rows is not what it was, or texts are missing.
        """
        values = self._checked(activations)
        count = values[0].shape[0] if values else len(outputs if outputs is not None else ids or ())
        if not count:
            return
        keys = np.arange(self._seen, self._seen + count) if ids is None else np.asarray(ids)
        outcome = self._outcomes.of(outputs, labels)
        table = outcome_table(keys, outcome.label, outcome.columns, self._evaluation.class_names)
        readable = self._readable(texts, count)
        if readable is not None:
            table = table.append_column("text", pa.array(readable, pa.string()))
        members = self._declared().members(table, outcome.label, outcome.columns.get("correct"))
        for moments, batch in zip(self._moments, values, strict=True):
            moments.add(batch, members)
        self._total(outcome.columns)

        order = ranks(keys.tolist())
        chosen = self._sample.candidates(order)
        kept: dict[str, np.ndarray] = {"id": keys[chosen]}
        if outcome.label is not None:
            kept["label"] = outcome.label[chosen]
        kept |= {f"column/{name}": column[chosen] for name, column in outcome.columns.items()}
        for index, batch in enumerate(values):
            kept[f"activations/{index}"], clipped = to_float16(batch[chosen])
            self._clipped[index] += clipped
        kept |= self._content(inputs, chosen, channels)
        if readable is not None:
            kept["text"] = readable[chosen]
        self._sample.add(order[chosen], kept)
        self._seen += count

    def finish(self, arrays: ArrayWriter, instances: InstanceWriter, session: str) -> schema.Snapshot:
        """Writes the large parts and returns the record that names them.

        Raises:
            ActiVisError: there was not one instance.
            OSError: something cannot be written.
        """
        if not self._seen or self._subsets is None:
            raise ActiVisError("The evaluation data gave no instances, so there is nothing to show.")
        kept = self._sample.result()
        rows = kept["id"].shape[0]
        table = self._table(kept)
        columns = {
            name.removeprefix("column/"): arrays.add(name, values)
            for name, values in kept.items()
            if name.startswith("column/")
        }
        layers = []
        for index, (info, moments) in enumerate(zip(self._evaluation.layers, self._moments, strict=True)):
            statistics = moments.statistics()
            summary = schema.Summary(
                *(
                    arrays.add(f"summary/{index}/{field}", getattr(statistics, field))
                    for field in ("count", "mean", "std", "min", "max")
                )
            )
            activations = arrays.add(f"activations/{index}", kept[f"activations/{index}"])
            layers.append(
                schema.Layer(info, activations, summary, nan=moments.nan, inf=moments.inf, clipped=self._clipped[index])
            )
        snapshot = schema.Snapshot(
            step=self._step,
            wall_time=self._wall_time,
            session=session,
            task=self._outcomes.task or "none",
            class_names=tuple(self._evaluation.class_names or ()),
            seen=self._seen,
            kept=rows,
            metrics={name: float(total / count) for name, (total, count) in self._totals.items() if count},
            instances=(instances.write(table),),
            columns=columns,
            subsets=self._subsets.records(),
            layers=tuple(layers),
            notes=tuple(self._notes()),
        )
        arrays.close()
        return snapshot

    def _checked(self, activations: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        values: list[np.ndarray] = []
        for info in self._evaluation.layers:
            if info.name not in activations:
                raise ActiVisError(f"The layer {info.name!r} did not run in this forward pass.")
            batch = np.asarray(activations[info.name], dtype=np.float32)
            if batch.ndim != 2 or batch.shape[1] != info.neurons:
                raise ActiVisError(
                    f"The layer {info.name!r} gave an array of shape {batch.shape}; [instances, {info.neurons}] was expected."
                )
            if values and batch.shape[0] != values[0].shape[0]:
                raise ActiVisError(
                    f"The layer {info.name!r} gave {batch.shape[0]} rows for a batch of {values[0].shape[0]} instances."
                )
            values.append(batch)
        return values

    def _declared(self) -> Subsets:
        if self._subsets is None:
            names = self._evaluation.class_names
            classes = self._outcomes.classes
            if names is not None and self._outcomes.task == "classification" and len(names) != classes:
                raise ActiVisError(f"class_names has {len(names)} names, but the model tells {classes} classes apart.")
            self._subsets = Subsets(self._outcomes.task or "none", classes, names, self._evaluation.subsets)
            self._moments = [Moments(len(self._subsets), info.neurons) for info in self._evaluation.layers]
        return self._subsets

    def _total(self, columns: Mapping[str, np.ndarray]) -> None:
        """Accuracy and mean loss are over all instances seen, not over the sample."""
        for metric, name in (("accuracy", "correct"), ("loss", "loss")):
            if name in columns:
                values = columns[name].astype(np.float64)
                known = values[values <= 1] if name == "correct" else values[np.isfinite(values)]
                total = self._totals.setdefault(metric, np.zeros(2))
                total += (known.sum(), known.size)

    def _readable(self, texts: Sequence[str] | None, count: int) -> np.ndarray | None:
        """Texts that UTF-8 can hold, object [instances]."""
        if self._seen and (texts is not None) != self._texts:
            raise ActiVisError("Some batches have texts and others have none. Give all of them, or none.")
        self._texts = texts is not None
        if texts is None:
            return None
        if len(texts) != count:
            raise ActiVisError(f"There are {len(texts)} texts for a batch of {count} instances.")
        readable = np.empty(count, dtype=object)
        readable[:] = [str(text).encode("utf-8", "replace").decode("utf-8") for text in texts]
        return readable

    def _content(self, inputs: np.ndarray | None, chosen: np.ndarray, channels: str) -> dict[str, np.ndarray]:
        if inputs is None:
            return {}
        if self._thumbnails is None and is_image(inputs, channels):
            self._thumbnails = Thumbnails(inputs, channels)
        if self._thumbnails is not None:
            pictures = np.empty(chosen.size, dtype=object)
            pictures[:] = self._thumbnails.encode(inputs[chosen])
            return {"image": pictures}
        if inputs.ndim == 2 and inputs.dtype.kind == "f" and inputs.shape[1] <= MOST_FEATURES:
            return {"features": inputs[chosen].astype(np.float32)}
        return {}

    def _table(self, kept: Mapping[str, np.ndarray]) -> pa.Table:
        fields: dict[str, Any] = {"id": identifiers(kept["id"])}
        content: dict[str, str] = {}
        if "label" in kept:
            fields["label"] = named(kept["label"], self._evaluation.class_names)
        if "features" in kept:
            features = kept["features"]
            fields["features"] = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), features.shape[1])
            content = {"content": "numbers"}
        if "text" in kept:
            fields["text"] = pa.array(kept["text"].tolist(), pa.string())
            content = {"content": "text"}
        if "image" in kept:
            fields["image"] = pa.array(kept["image"].tolist(), pa.binary())
            content = {"content": "image", "ink": str(int(self._thumbnails is not None and self._thumbnails.ink))}
        return pa.table(fields).replace_schema_metadata({f"activis.{name}": value for name, value in content.items()})

    def _notes(self) -> list[str]:
        notes = []
        if self._outcomes.stray:
            notes.append(
                f"{self._outcomes.stray:,} labels are missing or none of the {self._outcomes.classes} classes; these instances "
                "count in no class."
            )
        if self._outcomes.classes > MOST_CLASSES:
            notes.append(
                f"Of {self._outcomes.classes:,} classes the first {MOST_CLASSES:,} have a summary of their own."
            )
        return notes
