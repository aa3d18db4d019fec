"""One pass over the evaluation data: takes batches, makes one snapshot."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.contents import Audio, Texts
from tensorboard_activis.capture.instance_metadata import checked_ids
from tensorboard_activis.capture.instances import prediction_table
from tensorboard_activis.capture.merging import merge, spread
from tensorboard_activis.capture.predictions import Predictions
from tensorboard_activis.capture.processes import Processes, SingleProcess, broadcast
from tensorboard_activis.capture.publication import Collected, SnapshotOptions, StoredInstances, publish
from tensorboard_activis.capture.subsets import Subsets
from tensorboard_activis.capture.tokens import TokenScores
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.summarize.float16 import to_float16
from tensorboard_activis.summarize.groups import Groups
from tensorboard_activis.summarize.moments import Moments
from tensorboard_activis.summarize.sample import ranks
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.instances import InstanceWriter


class SnapshotCollector:
    """Collects one snapshot, batch by batch. What is held grows with the sample; of other instances, 8 bytes of their ids.

    Attributes:
        gathered: what was seen so far.
    """

    def __init__(self, evaluation: SnapshotOptions, step: int, processes: Processes | None = None) -> None:
        self._evaluation = evaluation
        self._step = step
        self._processes = processes or SingleProcess()
        self.gathered = Collected.begun(evaluation, self._processes)
        self._groups: Groups | None = None
        self._settled = False

    def add(
        self,
        activations: Mapping[str, np.ndarray],
        *,
        inputs: np.ndarray | Mapping[str, np.ndarray] | None = None,
        labels: np.ndarray | None = None,
        outputs: np.ndarray | TokenScores | None = None,
        ids: Sequence[int] | Sequence[str] | None = None,
        channels: str = "last",
        texts: Texts | None = None,
        columns: Mapping[str, Any] | None = None,
        audio: Audio | None = None,
        pinned: bool = False,
    ) -> None:
        """Adds one batch. Of several processes all add their batches at the same time, an empty one where one has no more.

        Args:
            activations: per layer float32 [instances, neurons], already reduced.
            inputs: what the model was given, [instances, ...]; shown where it looks like images or features, which are columns
                as well (x0, x1, …). A mapping gives features [instances] by name.
            labels: class indices (-1: none), or floats for regression, [instances]; 0 and 1 (else: unknown)
                [instances, classes]; class indices (-100: none) [instances, positions].
            outputs: logits or probabilities [instances, classes]; [instances]; [instances, positions, classes], or the
                `TokenScores` that were made of these on the device.
            ids: stable identities, all integers or all texts; the running index when None, which several processes may not
                do. An id that came before is the same instance, which is left out.
            channels: where images have their channels, "first" or "last".
            texts: what a person would read, [instances], or a list of words for each; shown, and the columns `text` and
                `words` of subset expressions.
            columns: the user's own, name -> one number, truth value or text per instance (None: missing).
            audio: waveforms [instances, samples] or [instances, channels, samples], and their values per second.
            pinned: these are extra instances: always kept, behind the sample, and in no summary or metric. They come after the
                data. Without ids they are -1, -2, … or "pinned 1", "pinned 2", …

        Raises:
            ActiVisError: a layer is missing, its width or its number of rows is not what it was, or what describes instances
                is not one for each, or not what it was.
        """
        seen = self.gathered
        values = self._checked(activations)
        count = values[0].shape[0] if values else _length(outputs, ids)
        if not count:
            if self._processes.size > 1 and not pinned:
                seen.duplicates.add(np.zeros(0, np.uint64))
                self._settle(None)
            return
        if pinned and seen.subsets is None and not self._settled:
            raise ActiVisError("Pinned instances come after the evaluation data, and there were none.")
        keys = self._keys(ids, count, pinned)
        facts = seen.contents.columns_of_batch(count, inputs=inputs, texts=texts, columns=columns, pinned=pinned)
        rows = np.arange(count)
        order = rows if keys is None else ranks(keys.tolist())
        if ids is not None and not pinned:
            rows = np.flatnonzero(seen.duplicates.add(order))
        if not pinned:
            self._settle(
                (lambda: self._decide(rows, outputs, labels, facts, inputs=inputs, channels=channels, audio=audio))
                if rows.size
                else None
            )
        if rows.size < count:  # the others came before
            seen.repeated += count - rows.size
            values, keys, order = [batch[rows] for batch in values], None if keys is None else keys[rows], order[rows]
            facts = {name: column[rows] for name, column in facts.items()}
            outputs, labels = _taken(outputs, labels, rows)
            if not rows.size:
                return
        table = seen.contents.columns(facts)
        outcome = seen.evaluator.evaluate(outputs, labels, table.get("group"))
        if pinned:
            seen.pinned.append(
                self._kept(rows, values, keys, outcome, facts)
                | seen.contents.content_of(rows, inputs=inputs, channels=channels, audio=audio)
            )
            return
        assert keys is not None
        known = prediction_table(keys, outcome.label, outcome.columns, self._evaluation.class_names, table)
        members = self._declared().members(known, outcome.members, outcome.columns.get("correct"))
        self._groups = Groups(members, rows.size, self._groups)
        for moments, batch in zip(seen.moments, values, strict=True):
            moments.add(batch, self._groups)
        seen.count(outcome)
        chosen = seen.sample.candidates(order)
        kept = self._kept(chosen, values, keys, outcome, facts)
        kept |= seen.contents.content_of(rows[chosen], inputs=inputs, channels=channels, audio=audio)
        seen.sample.add(order[chosen], kept)
        seen.seen += rows.size

    def finish(self, arrays: ArrayWriter, instances: InstanceWriter, session: str) -> schema.Snapshot:
        """Writes the large parts and returns the record that names them: see `publish`.

        Raises:
            ActiVisError: there was not one instance.
        """
        if not self._settled:
            raise ActiVisError("The evaluation data gave no instances, so there is nothing to show.")
        self._declared()
        if self._processes.size > 1:
            merge(self._processes, self.gathered)
            rows = spread(self._processes, self.gathered, self._evaluation.sample)
        else:
            rows = StoredInstances.of(self.gathered)
        return publish(self._evaluation, self.gathered, rows, self._step, arrays, instances, session, self._processes)

    def _settle(self, decide: Callable[[], None] | None) -> None:
        """What the first batch decides, such as the task, holds for all processes as the first that has data decides it."""
        if self._settled:
            return
        seen = self.gathered
        if decide is not None and self._processes.size > 1:
            decide()
        mine = None if decide is None else (seen.evaluator.decided, seen.contents.decided)
        found = broadcast(self._processes, mine)
        if found is not None:
            if found is not mine:
                seen.evaluator.decide_as(found[0])
                seen.contents.decide_as(found[1])
            self._settled = True

    def _decide(
        self,
        rows: np.ndarray,
        outputs: np.ndarray | TokenScores | None,
        labels: np.ndarray | None,
        facts: Mapping[str, np.ndarray],
        **looks: Any,
    ) -> None:
        seen = self.gathered
        seen.evaluator.evaluate(outputs, labels, seen.contents.columns(facts).get("group"))
        seen.contents.content_of(rows[:1], **looks)

    def _kept(
        self,
        chosen: np.ndarray,
        values: Sequence[np.ndarray],
        keys: np.ndarray | None,
        outcome: Predictions,
        facts: Mapping[str, np.ndarray],
    ) -> dict[str, np.ndarray]:
        """What is kept of the chosen instances of a batch, besides their looks."""
        kept: dict[str, np.ndarray] = {} if keys is None else {"id": keys[chosen]}
        if outcome.label is not None:
            kept["label"] = outcome.label[chosen]
        kept |= {f"column/{name}": column[chosen] for name, column in outcome.columns.items()}
        kept |= {name: column[chosen] for name, column in facts.items()}
        for index, batch in enumerate(values):
            kept[f"activations/{index}"], clipped = to_float16(batch[chosen], self._evaluation.convert)
            self.gathered.clipped[index] += clipped
        return kept

    def _keys(self, ids: Sequence[int] | Sequence[str] | None, count: int, pinned: bool) -> np.ndarray | None:
        seen = self.gathered
        if ids is None and self._processes.size > 1 and not pinned:
            raise ActiVisError("Several processes need ids, to tell whether they have the same instances. Give id=.")
        if ids is None:
            return None if pinned else np.arange(seen.seen, seen.seen + count)
        keys = checked_ids(ids, count)
        texts = keys.dtype == object
        if seen.texts is not None and texts != seen.texts:
            raise ActiVisError(
                "Some ids are texts and others are numbers. Make them all texts, with str for example, or all numbers."
            )
        seen.texts = texts
        return keys

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
        seen, outcomes = self.gathered, self.gathered.evaluator
        if seen.subsets is None:
            seen.subsets = Subsets(
                outcomes.classes if outcomes.labelled else 0,
                self._evaluation.class_names,
                self._evaluation.subsets,
                judged=outcomes.judged,
                several=outcomes.task in ("multilabel", "tokens"),
            )
            seen.moments = [Moments(len(seen.subsets), info.neurons) for info in self._evaluation.layers]
        return seen.subsets


def _length(outputs: np.ndarray | TokenScores | None, ids: Sequence[Any] | None) -> int:
    if isinstance(outputs, TokenScores):
        return int(outputs.counted.size)
    return len(outputs if outputs is not None else () if ids is None else ids)


def _taken(
    outputs: np.ndarray | TokenScores | None, labels: np.ndarray | None, rows: np.ndarray
) -> tuple[np.ndarray | TokenScores | None, np.ndarray | None]:
    outputs = outputs.take(rows) if isinstance(outputs, TokenScores) else None if outputs is None else outputs[rows]
    return outputs, None if labels is None else labels[rows]
