"""Collects one snapshot: updates statistics and the sample with every batch, and writes the result at the end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.distributed.processes import Processes, SingleProcess, broadcast
from tensorboard_activis.capture.instances.columns import prediction_table
from tensorboard_activis.capture.instances.contents import Audio, Texts
from tensorboard_activis.capture.instances.metadata import checked_ids
from tensorboard_activis.capture.merging import distribute_sample, merge
from tensorboard_activis.capture.publication import Collected, SnapshotOptions, StoredInstances, publish
from tensorboard_activis.capture.subsets import Subsets
from tensorboard_activis.capture.tasks.predictions import Predictions
from tensorboard_activis.capture.tasks.tokens import TokenScores
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.summarize.float16 import to_float16
from tensorboard_activis.summarize.groups import Groups
from tensorboard_activis.summarize.moments import Moments
from tensorboard_activis.summarize.sample import ranks
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.instances import InstanceWriter


class SnapshotCollector:
    """Collects one snapshot, batch by batch. Memory grows with the sample; other instances take 8 bytes, for the hash of their id.

    Arguments:
        options: the same for all snapshots of a logger.
        step: training step of the snapshot.
        processes: the processes that collect it together; None: this one alone.

    Attributes:
        collected: statistics, sample and counts of all batches so far.
    """

    def __init__(self, options: SnapshotOptions, step: int, processes: Processes | None = None) -> None:
        self._options = options
        self._step = step
        self._processes = processes or SingleProcess()
        self.collected = Collected.begin(options, self._processes)
        self._groups: Groups | None = None
        self._decided = False

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
        """Adds one batch. With several processes, all add batches at the same time, an empty one if a process has no more.

        Args:
            activations: per layer float32 [instances, neurons], already reduced.
            inputs: the model's inputs, [instances, ...]; stored as content if they are images or features. Features are columns as
                well (x0, x1, …). A mapping gives features [instances] by name.
            labels: class indices (-1: none), or floats for regression, [instances]; 0 and 1 (else: unknown)
                [instances, classes]; class indices (-100: none) [instances, positions].
            outputs: logits or probabilities [instances, classes]; [instances]; [instances, positions, classes], or the
                `TokenScores` that were computed from these on the device.
            ids: instance ids, all integers or all strings; None: the running index, which is not possible with several processes.
                An instance whose id came before is left out.
            channels: where images have their channel axis, "first" or "last".
            texts: a string, or a list of words, per instance; stored as content, and the columns `text` and `words` of subset
                expressions.
            columns: user columns, name -> one number, bool, string or time per instance (None: missing).
            audio: waveforms [instances, samples] or [instances, channels, samples], and their sample rate (samples per second).
            pinned: whether these are pinned instances: always stored, behind the sample, and in no summary or metric. They come
                after all other batches. Without ids they are -1, -2, … or "pinned 1", "pinned 2", …

        Raises:
            ActiVisError: a layer is missing or has a wrong shape; ids, texts or columns are not one per instance, or differ in
                kind from earlier batches.
        """
        collected = self.collected
        values = self._check_activations(activations)
        count = values[0].shape[0] if values else _count(outputs, ids)
        if not count:
            if self._processes.size > 1 and not pinned:
                collected.duplicates.add(np.zeros(0, np.uint64))
                self._share_decisions(None)
            return
        if pinned and collected.subsets is None and not self._decided:
            raise ActiVisError("Pinned instances come after the evaluation data, and there were none.")
        instance_ids = self._ids(ids, count, pinned)
        columns_by_name = collected.contents.columns_of_batch(
            count, inputs=inputs, texts=texts, columns=columns, pinned=pinned
        )
        new = np.arange(count)
        hashes = new if instance_ids is None else ranks(instance_ids.tolist())
        if ids is not None and not pinned:
            new = np.flatnonzero(collected.duplicates.add(hashes))
        if not pinned:
            self._share_decisions(
                (
                    lambda: self._decide_by(
                        new, outputs, labels, columns_by_name, inputs=inputs, channels=channels, audio=audio
                    )
                )
                if new.size
                else None
            )
        if new.size < count:  # the other instances came before
            collected.repeated += count - new.size
            values, instance_ids, hashes = (
                [batch[new] for batch in values],
                None if instance_ids is None else instance_ids[new],
                hashes[new],
            )
            columns_by_name = {name: column[new] for name, column in columns_by_name.items()}
            outputs, labels = _take(outputs, labels, new)
            if not new.size:
                return
        table = collected.contents.columns(columns_by_name)
        predictions = collected.evaluator.evaluate(outputs, labels, table.get("group"))
        if pinned:
            collected.pinned.append(
                self._stored(new, values, instance_ids, predictions, columns_by_name)
                | collected.contents.content_of(new, inputs=inputs, channels=channels, audio=audio)
            )
            return
        assert instance_ids is not None
        known = prediction_table(instance_ids, predictions.label, predictions.columns, self._options.class_names, table)
        members = self._subsets().members(known, predictions.members, predictions.columns.get("correct"))
        self._groups = Groups(members, new.size, self._groups)
        for moments, batch in zip(collected.moments, values, strict=True):
            moments.add(batch, self._groups)
        collected.count(predictions)
        chosen = collected.sample.candidates(hashes)
        stored = self._stored(chosen, values, instance_ids, predictions, columns_by_name)
        stored |= collected.contents.content_of(new[chosen], inputs=inputs, channels=channels, audio=audio)
        collected.sample.add(hashes[chosen], stored)
        collected.seen += new.size

    def finish(self, arrays: ArrayWriter, instances: InstanceWriter, session: str) -> schema.Snapshot:
        """Writes the side files, and returns the record that names them; see `publish`.

        Raises:
            ActiVisError: there were no instances.
            OSError: a file cannot be written.
        """
        if not self._decided:
            raise ActiVisError("The evaluation data gave no instances, so there is nothing to show.")
        self._subsets()
        if self._processes.size > 1:
            merge(self._processes, self.collected)
            stored = distribute_sample(self._processes, self.collected, self._options.sample)
        else:
            stored = StoredInstances.of_single_process(self.collected)
        return publish(self._options, self.collected, stored, self._step, arrays, instances, session, self._processes)

    def _share_decisions(self, decide: Callable[[], None] | None) -> None:
        """Shares what the first batch decides, such as the task: the first process that has data decides for all processes."""
        if self._decided:
            return
        collected = self.collected
        if decide is not None and self._processes.size > 1:
            decide()
        own = None if decide is None else (collected.evaluator.decided, collected.contents.decided)
        decided = broadcast(self._processes, own)
        if decided is not None:
            if decided is not own:
                collected.evaluator.decide_as(decided[0])
                collected.contents.decide_as(decided[1])
            self._decided = True

    def _decide_by(
        self,
        instances: np.ndarray,
        outputs: np.ndarray | TokenScores | None,
        labels: np.ndarray | None,
        columns_by_name: Mapping[str, np.ndarray],
        **content: Any,
    ) -> None:
        collected = self.collected
        collected.evaluator.evaluate(outputs, labels, collected.contents.columns(columns_by_name).get("group"))
        collected.contents.content_of(instances[:1], **content)

    def _stored(
        self,
        chosen: np.ndarray,
        values: Sequence[np.ndarray],
        instance_ids: np.ndarray | None,
        predictions: Predictions,
        columns_by_name: Mapping[str, np.ndarray],
    ) -> dict[str, np.ndarray]:
        """What is stored of these instances of a batch, except content: arrays [instances, ...] by name."""
        stored: dict[str, np.ndarray] = {} if instance_ids is None else {"id": instance_ids[chosen]}
        if predictions.label is not None:
            stored["label"] = predictions.label[chosen]
        stored |= {f"column/{name}": column[chosen] for name, column in predictions.columns.items()}
        stored |= {name: column[chosen] for name, column in columns_by_name.items()}
        for index, batch in enumerate(values):
            stored[f"activations/{index}"], clipped = to_float16(batch[chosen], self._options.convert)
            self.collected.clipped[index] += clipped
        return stored

    def _ids(self, ids: Sequence[int] | Sequence[str] | None, count: int, pinned: bool) -> np.ndarray | None:
        collected = self.collected
        if ids is None and self._processes.size > 1 and not pinned:
            raise ActiVisError("Several processes need ids, to tell whether they have the same instances. Give id=.")
        if ids is None:
            return None if pinned else np.arange(collected.seen, collected.seen + count)
        instance_ids = checked_ids(ids, count)
        texts = instance_ids.dtype == object
        if collected.ids_are_strings is not None and texts != collected.ids_are_strings:
            raise ActiVisError(
                "Some ids are texts and others are numbers. Make them all texts, with str for example, or all numbers."
            )
        collected.ids_are_strings = texts
        return instance_ids

    def _check_activations(self, activations: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        values: list[np.ndarray] = []
        for info in self._options.layers:
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

    def _subsets(self) -> Subsets:
        collected, evaluator = self.collected, self.collected.evaluator
        if collected.subsets is None:
            collected.subsets = Subsets(
                evaluator.classes if evaluator.labelled else 0,
                self._options.class_names,
                self._options.subsets,
                judged=evaluator.judged,
                several=evaluator.task in ("multilabel", "tokens"),
            )
            collected.moments = [Moments(len(collected.subsets), info.neurons) for info in self._options.layers]
        return collected.subsets


def _count(outputs: np.ndarray | TokenScores | None, ids: Sequence[Any] | None) -> int:
    if isinstance(outputs, TokenScores):
        return int(outputs.counted.size)
    return len(outputs if outputs is not None else () if ids is None else ids)


def _take(
    outputs: np.ndarray | TokenScores | None, labels: np.ndarray | None, indices: np.ndarray
) -> tuple[np.ndarray | TokenScores | None, np.ndarray | None]:
    outputs = (
        outputs.take(indices) if isinstance(outputs, TokenScores) else None if outputs is None else outputs[indices]
    )
    return outputs, None if labels is None else labels[indices]
