"""Collects one snapshot: updates statistics and the sample with every batch, and writes the result at the end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_positions import BatchPositions
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.contribution import Contribution, Decided
from tensorboard_activis.capture.distributed.processes import Processes, SingleProcess, broadcast
from tensorboard_activis.capture.effects.margins import margins
from tensorboard_activis.capture.effects.measuring import MeasuredLayer, measure, refusal
from tensorboard_activis.capture.gathering import GatheredBatch, Gathering
from tensorboard_activis.capture.instances.columns import prediction_table
from tensorboard_activis.capture.instances.position_ids import Ids, checked, hashes_of, new_of, stored_ids
from tensorboard_activis.capture.merging import distribute_sample, merge
from tensorboard_activis.capture.publication import Collected, SnapshotOptions, StoredInstances, publish
from tensorboard_activis.capture.subsets import Subsets
from tensorboard_activis.capture.tasks.predictions import Predictions
from tensorboard_activis.capture.tasks.repeated import Column, values_of
from tensorboard_activis.capture.tasks.tokens import TokenScores
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.summarize.float16 import to_float16
from tensorboard_activis.summarize.layer_moments import LayerMoments
from tensorboard_activis.summarize.membership import Membership
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.instances import InstanceWriter


class SnapshotCollector:
    """Collects one snapshot, batch by batch. Memory grows with the sample; other instances take 8 bytes, for the hash of their id.

    Arguments:
        options: the same for all snapshots of a logger.
        step: training step of the snapshot.
        processes: the processes that collect it together; None: this one alone.
        bound: hashes from here on are in no sample, for other parts of the data have enough lower ones; None: all may be.

    Attributes:
        collected: statistics, sample and counts of all batches so far.
    """

    def __init__(
        self,
        options: SnapshotOptions,
        step: int,
        processes: Processes | None = None,
        bound: np.uint64 | None = None,
    ) -> None:
        self._options = options
        self._step = step
        self._processes = processes or SingleProcess()
        self.collected = Collected.begin(options, self._processes, bound)
        self._gathering = Gathering()
        self._decided = False

    def add(self, batch: BatchRecord) -> None:
        """Adds one batch. With several processes, all add batches at the same time, an empty one if a process has no more.

        Raises:
            ActiVisError: a layer is missing or has a wrong shape; ids, texts or columns are not one per instance, or differ in
                kind from earlier batches.
        """
        collected = self.collected
        values = self._check_activations(batch.activations)
        count = values[0].shape[0] if values else _count(batch)
        if not count:
            if self._processes.size > 1 and not batch.pinned:
                collected.duplicates.add(np.zeros(0, np.uint64))
                self._share_decisions(None)
            return
        if batch.pinned and collected.subsets is None and not self._decided:
            raise ActiVisError("Pinned instances come after the evaluation data, and there were none.")
        instance_ids = self._ids(batch, count)
        columns = collected.contents.columns_of_batch(
            count, inputs=batch.inputs, texts=batch.texts, columns=batch.columns, pinned=batch.pinned
        )
        new = np.arange(count)
        hashes = new if instance_ids is None else hashes_of(instance_ids)
        if instance_ids is not None and batch.ids is not None and not batch.pinned:
            new = new_of(instance_ids, hashes, collected.duplicates)
        if not batch.pinned:
            self._share_decisions((lambda: self._decide_by(new, batch, columns)) if new.size else None)
        outputs, labels, positions = batch.outputs, batch.labels, dict(batch.positions or {})
        if new.size < count:  # the other instances came before
            collected.repeated += count - new.size
            values, instance_ids, hashes = (
                [rows[new] for rows in values],
                None if instance_ids is None else instance_ids[new],
                hashes[new],
            )
            columns = {name: column[new] for name, column in columns.items()}
            outputs, labels = _take(outputs, labels, new)
            positions = {name: each.take(new) for name, each in positions.items()}
            if not new.size:
                return
        predictions = collected.evaluator.evaluate(outputs, labels, collected.contents.group(columns))
        if batch.pinned:
            stored = self._stored(new, instance_ids, predictions, columns) | self._content(new, batch)
            stored |= {} if batch.depth is None else batch.depth.columns(new)
            stored |= self._activations([values], [new])
            if batch.positions is not None:
                stored |= self._positions(positions, values, None, new)
            collected.pinned.append(stored)
            collected.patterns.add(batch.patterns, count)
            return
        assert instance_ids is not None

        def known() -> pa.Table:
            others = collected.contents.columns(columns)
            return prediction_table(
                instance_ids, predictions.label, predictions.columns, self._options.class_names, others
            )

        correct = predictions.columns.get("correct")
        membership = self._subsets().membership(new.size, predictions.members, correct, known)
        collected.count(predictions)
        chosen = collected.sample.candidates(hashes)
        stored = self._stored(chosen, instance_ids, predictions, columns) | self._content(new[chosen], batch)
        if batch.depth is not None:
            collected.depth.add(batch.depth, new)
            stored |= batch.depth.columns(new[chosen])
        if batch.positions is not None:
            stored |= self._positions(positions, values, hashes, chosen)
        if batch.repeatable is not None:
            self._keep_errors(batch, predictions, outputs, hashes, new, chosen)
        gathered = GatheredBatch(values, membership, chosen, hashes[chosen], stored)
        if not self._gathering.fits(gathered):
            self._summarize()
        self._gathering.add(gathered)
        collected.seen += new.size
        if batch.doubts is not None:
            collected.doubts.merge(batch.doubts)
        if self._gathering.is_full:
            self._summarize()

    @property
    def decided(self) -> Decided:
        """What the first batch decided."""
        return self.collected.evaluator.decided, self.collected.contents.decided

    def decide_as(self, decided: Decided) -> None:
        """Takes over what the first batch decided elsewhere."""
        self.collected.evaluator.decide_as(decided[0])
        self.collected.contents.decide_as(decided[1])
        self._decided = True

    def contribution(self) -> Contribution:
        """What the batches so far give, to be merged elsewhere; nothing can be added here after it."""
        self._subsets()
        self._summarize()
        return Contribution.of(self.collected)

    def merge(self, contribution: Contribution) -> None:
        """Adds what other batches gave, after `decide_as`; the same decisions were taken over there."""
        self._subsets()
        self._summarize()
        contribution.add_to(self.collected)

    def finish(self, arrays: ArrayWriter, instances: InstanceWriter, session: str) -> schema.Snapshot:
        """Writes the side files, and returns the record that names them; see `publish`.

        Raises:
            ActiVisError: there were no instances.
            OSError: a file cannot be written.
        """
        if not self._decided:
            raise ActiVisError("The evaluation data gave no instances, so there is nothing to show.")
        self._subsets()
        self._summarize()
        if self._processes.size > 1:
            merge(self._processes, self.collected)
            stored = distribute_sample(self._processes, self.collected, self._options.sample)
        else:
            stored = StoredInstances.of_single_process(self.collected)
        self._measure_effects(stored.order)
        return publish(self._options, self.collected, stored, self._step, arrays, instances, session, self._processes)

    def _keep_errors(
        self,
        batch: BatchRecord,
        predictions: Predictions,
        outputs: Any,
        hashes: np.ndarray,
        new: np.ndarray,
        chosen: np.ndarray,
    ) -> None:
        """Keeps what it takes to run the errors among the chosen instances again; `new` are the rows of all in the batch."""
        correct, collected = predictions.columns.get("correct"), self.collected
        if self._options.effects is None or correct is None or refusal(collected.evaluator.task, labelled=True):
            return
        wrong = chosen[correct[chosen] == 0]
        label = predictions.label[wrong]
        found = margins(outputs[wrong], label, probabilities=collected.evaluator.probabilities)
        finite = np.isfinite(found)
        wrong, label, found = wrong[finite], label[finite], found[finite]
        assert batch.repeatable is not None
        collected.errors.add(hashes[wrong], new[wrong], label, found, batch.repeatable, collected.sample.bound)

    def _measure_effects(self, order: np.ndarray) -> None:
        """Measures effects on the errors in the sample, whose hashes in all processes are `order`."""
        options, collected, evaluator = self._options.effects, self.collected, self.collected.evaluator
        if options is None:
            return
        reason = refusal(evaluator.task, evaluator.labelled)
        if reason:
            collected.notes.append(reason)
            return
        layers = [self._measured_layer(index) for index in range(len(self._options.layers))]
        measured, notes = measure(
            options, collected.errors, order, collected.seen, layers, evaluator.probabilities, self._processes
        )
        collected.effects = measured, [layer for layer in layers if layer.name not in measured.failures]
        collected.notes += notes

    def _measured_layer(self, index: int) -> MeasuredLayer:
        info, collected = self._options.layers[index], self.collected
        assert collected.subsets is not None
        rows = np.flatnonzero([subset.kind == "class" for subset in collected.subsets.records()])

        def means(labels: np.ndarray) -> np.ndarray:
            known = labels < rows.size  # of very many classes not all have statistics
            found = np.full((labels.size, info.neurons), np.nan)
            found[known] = collected.moments.statistics(index).mean[rows[labels[known]]]
            return found

        return MeasuredLayer(info.name, info.neurons, info.reducer != "none", means)

    def _share_decisions(self, decide: Callable[[], None] | None) -> None:
        """Shares what the first batch decides, such as the task: the first process that has data decides for all processes."""
        if self._decided:
            return
        if decide is not None and self._processes.size > 1:
            decide()
        own = None if decide is None else self.decided
        decided = broadcast(self._processes, own)
        if decided is not None:
            if decided is not own:
                self.decide_as(decided)
            self._decided = True

    def _decide_by(self, instances: np.ndarray, batch: BatchRecord, columns: Mapping[str, Column]) -> None:
        self.collected.evaluator.evaluate(batch.outputs, batch.labels, self.collected.contents.group(columns))
        self._content(instances[:1], batch)

    def _content(self, chosen: np.ndarray, batch: BatchRecord) -> dict[str, np.ndarray]:
        """The content of these instances of a batch: arrays [instances, ...] by name."""
        if batch.contexts is not None:
            parts, channels = batch.contexts.images(chosen), batch.channels
            images = self.collected.contents.content_of(np.arange(chosen.size), inputs=parts, channels=channels)
            return {**images, **batch.contexts.columns(chosen)}
        return self.collected.contents.content_of(
            chosen, inputs=batch.inputs, channels=batch.channels, audio=batch.audio, tokens=batch.tokens
        )

    def _stored(
        self,
        chosen: np.ndarray,
        instance_ids: Ids | None,
        predictions: Predictions,
        columns: Mapping[str, Column],
    ) -> dict[str, np.ndarray]:
        """What is stored of these instances of a batch, except activations and content: arrays [instances, ...] by name."""
        stored: dict[str, np.ndarray] = {} if instance_ids is None else {"id": stored_ids(instance_ids[chosen])}
        if predictions.label is not None:
            stored["label"] = values_of(predictions.label[chosen])
        stored |= {f"column/{name}": values_of(column[chosen]) for name, column in predictions.columns.items()}
        stored |= {name: values_of(column[chosen]) for name, column in columns.items()}
        return stored

    def _summarize(self) -> None:
        """Adds the gathered batches to statistics and sample."""
        batches = self._gathering.take()
        if not batches:
            return
        collected = self.collected
        activations = [batch.activations for batch in batches]
        collected.moments.add(activations, Membership.joined([batch.membership for batch in batches]))
        stored = {
            name: np.concatenate([batch.stored[name] for batch in batches]) for name in batches[0].stored
        } | self._activations(activations, [batch.chosen for batch in batches])
        collected.sample.add(np.concatenate([batch.hashes for batch in batches]), stored)

    def _activations(
        self, batches: Sequence[Sequence[np.ndarray]], chosen: Sequence[np.ndarray]
    ) -> dict[str, np.ndarray]:
        """What is stored of the activations of the chosen instances of batches: by name float16 [chosen, neurons]."""
        stored = {}
        for index, layer in enumerate(zip(*batches, strict=True)):
            rows = np.concatenate([rows[each] for rows, each in zip(layer, chosen, strict=True)])
            stored[f"activations/{index}"], clipped = to_float16(rows, self._options.convert)
            self.collected.clipped[index] += clipped
        return stored

    def _positions(
        self,
        positions: Mapping[str, BatchPositions],
        values: Sequence[np.ndarray],
        hashes: np.ndarray | None,
        chosen: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """Adds the positions of a batch, and returns the peaks of the chosen instances: by name int [chosen, neurons].

        Arguments:
            hashes: of the instances; None for pinned ones.
        """
        stored = {}
        for index, (info, layer) in enumerate(zip(self._options.layers, self.collected.positions, strict=True)):
            if layer is None:
                continue
            found = positions.get(info.name)
            if found is not None and hashes is not None:
                layer.strongest.add(found, hashes, values[index], self.collected.sample.bound)
            elif found is not None:
                layer.strongest.describe(found)
                layer.pinned.append(found)
            stored[f"peaks/{index}"] = layer.peaks(found, len(values[index]))[chosen]
        return stored

    def _ids(self, batch: BatchRecord, count: int) -> Ids | None:
        collected = self.collected
        if batch.ids is None and self._processes.size > 1 and not batch.pinned:
            raise ActiVisError("Several processes need ids, to tell whether they have the same instances. Give id=.")
        if batch.ids is None:
            return None if batch.pinned else np.arange(collected.seen, collected.seen + count)
        instance_ids = checked(batch.ids, count)
        texts = not isinstance(instance_ids, np.ndarray) or instance_ids.dtype == object
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
            collected.moments = LayerMoments(len(collected.subsets), [info.neurons for info in self._options.layers])
        return collected.subsets


def _count(batch: BatchRecord) -> int:
    """The number of instances of a batch without activations."""
    if isinstance(batch.outputs, TokenScores):
        return int(batch.outputs.counted.size)
    if isinstance(batch.outputs, Predictions):
        return len(batch.outputs.columns["score"])
    return len(batch.outputs if batch.outputs is not None else () if batch.ids is None else batch.ids)


def _take(
    outputs: np.ndarray | TokenScores | Predictions | None, labels: np.ndarray | None, indices: np.ndarray
) -> tuple[np.ndarray | TokenScores | Predictions | None, np.ndarray | None]:
    if isinstance(outputs, TokenScores | Predictions):
        outputs = outputs.take(indices)
    elif outputs is not None:
        outputs = outputs[indices]
    return outputs, None if labels is None else labels[indices]
