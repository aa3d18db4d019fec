"""One pass over the evaluation data: takes batches, makes one snapshot."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.capture.columns import Outcomes
from tensorboard_activis.capture.instances import outcome_table
from tensorboard_activis.capture.publication import Evaluation, Gathered, publish
from tensorboard_activis.capture.subsets import Subsets
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.summarize.moments import Moments
from tensorboard_activis.summarize.sample import Sample, ranks, to_float16
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.instances import InstanceWriter


class Pass:
    """Collects one snapshot, batch by batch. What is held grows with the sample, not with the data.

    Attributes:
        gathered: what was seen so far.
    """

    def __init__(self, evaluation: Evaluation, step: int) -> None:
        self._evaluation = evaluation
        self._step = step
        self.gathered = Gathered(
            Sample(evaluation.sample), Outcomes(evaluation.class_names), [0] * len(evaluation.layers)
        )

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
        seen = self.gathered
        values = self._checked(activations)
        count = values[0].shape[0] if values else len(outputs if outputs is not None else ids or ())
        if not count:
            return
        keys = np.arange(seen.seen, seen.seen + count) if ids is None else np.asarray(ids)
        outcome = seen.outcomes.of(outputs, labels)
        table = outcome_table(keys, outcome.label, outcome.columns, self._evaluation.class_names)
        readable = seen.contents.readable(texts, count)
        if readable is not None:
            table = table.append_column("text", pa.array(readable, pa.string()))
        members = self._declared().members(table, outcome.label, outcome.columns.get("correct"))
        for moments, batch in zip(seen.moments, values, strict=True):
            moments.add(batch, members)
        self._total(outcome.columns)

        order = ranks(keys.tolist())
        chosen = seen.sample.candidates(order)
        kept: dict[str, np.ndarray] = {"id": keys[chosen]}
        if outcome.label is not None:
            kept["label"] = outcome.label[chosen]
        kept |= {f"column/{name}": column[chosen] for name, column in outcome.columns.items()}
        for index, batch in enumerate(values):
            kept[f"activations/{index}"], clipped = to_float16(batch[chosen])
            seen.clipped[index] += clipped
        kept |= seen.contents.kept(inputs, chosen, channels)
        if readable is not None:
            kept["text"] = readable[chosen]
        seen.sample.add(order[chosen], kept)
        seen.seen += count

    def finish(self, arrays: ArrayWriter, instances: InstanceWriter, session: str) -> schema.Snapshot:
        """Writes the large parts and returns the record that names them: see `publish`."""
        return publish(self._evaluation, self.gathered, self._step, arrays, instances, session)

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
        seen = self.gathered
        if seen.subsets is None:
            names = self._evaluation.class_names
            classes = seen.outcomes.classes
            if names is not None and seen.outcomes.task == "classification" and len(names) != classes:
                raise ActiVisError(f"class_names has {len(names)} names, but the model tells {classes} classes apart.")
            seen.subsets = Subsets(seen.outcomes.task or "none", classes, names, self._evaluation.subsets)
            seen.moments = [Moments(len(seen.subsets), info.neurons) for info in self._evaluation.layers]
        return seen.subsets

    def _total(self, columns: Mapping[str, np.ndarray]) -> None:
        """Accuracy and mean loss are over all instances seen, not over the sample."""
        for metric, name in (("accuracy", "correct"), ("loss", "loss")):
            if name in columns:
                values = columns[name].astype(np.float64)
                known = values[values <= 1] if name == "correct" else values[np.isfinite(values)]
                total = self.gathered.totals.setdefault(metric, np.zeros(2))
                total += (known.sum(), known.size)
