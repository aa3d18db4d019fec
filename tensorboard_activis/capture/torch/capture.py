"""Evaluates a torch model on the evaluation data, or watches the user's evaluation, and gives the activations batch by batch."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from tensorboard_activis import schema
from tensorboard_activis.capture.adapter import Sink
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.distributed.processes import Processes, SingleProcess, rounds
from tensorboard_activis.capture.graph.outputs import OutputFlow
from tensorboard_activis.capture.graph.probabilities import ends_in_probabilities
from tensorboard_activis.capture.guard import Guard
from tensorboard_activis.capture.instances.metadata import InstanceMetadata
from tensorboard_activis.capture.instances.token_texts import decoder
from tensorboard_activis.capture.isolation.interrupts import bracketed
from tensorboard_activis.capture.isolation.random_states import RandomStream
from tensorboard_activis.capture.open_snapshot import OpenSnapshot
from tensorboard_activis.capture.options import LoggerOptions
from tensorboard_activis.capture.progress import with_bar
from tensorboard_activis.capture.torch.data.batch import Batch, broadcast_batch, first_instances
from tensorboard_activis.capture.torch.data.batches import Batches, warn_of_dropped
from tensorboard_activis.capture.torch.data.content_ids import ContentIds
from tensorboard_activis.capture.torch.data.instance_order import InstanceOrder, with_indices
from tensorboard_activis.capture.torch.data.instances import BatchReader, InstanceReader, PassReader
from tensorboard_activis.capture.torch.data.position_instances import PositionReader
from tensorboard_activis.capture.torch.data.training_data import read_training_data
from tensorboard_activis.capture.torch.distributed.buffers import broadcast_buffers
from tensorboard_activis.capture.torch.expected_sample import ExpectedSample
from tensorboard_activis.capture.torch.model.evaluation_mode import run_in_evaluation_mode
from tensorboard_activis.capture.torch.passes import PassCollector
from tensorboard_activis.capture.torch.recorded_model import RecordedModel
from tensorboard_activis.capture.torch.rerun import TorchRerun, effect_plan
from tensorboard_activis.capture.torch.watch import Watch, weakly
from tensorboard_activis.errors import ActiVisError, ConfigurationError, warn


class TorchCapture:
    """A model and how it is evaluated: `evaluate` runs a pass over the data, `watch` watches the user's.

    The graph, the layers and the kind of labels are decided once, from the first batch.

    Arguments:
        model, data: as in `ActiVisLogger`.
        options: all of them.
        processes: that log together; None: this one alone.

    Attributes:
        recorded: the model with its graph and layers.
        metadata: the user's ids and columns.
        effects: what is measured of errors; None: nothing.
        first: what the first instances give, for a check before training; None without data, or if the first batch is another
            process's.

    Raises:
        ConfigurationError: the data are empty or cannot be used, the model does not run on them, or a layer does not exist.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Any,
        options: LoggerOptions,
        processes: Processes | None = None,
    ) -> None:
        self._processes = processes or SingleProcess()
        self._options = options
        layers, reducer, graph = options["layers"], options["reducer"], options["graph"]
        self.recorded = RecordedModel(
            model, layers, reducer, graph, self._processes, depth=options["depth"], unit=options["unit"]
        )
        self.effects = effect_plan(options, self.recorded, self._processes)
        self.metadata = InstanceMetadata(options["id"], options["columns"])
        texts = options["texts"] or decoder(options["tokenizer"])
        self._instances: BatchReader | None = None
        self._sample = ExpectedSample(options, alone=self._processes.size == 1)
        self._highest_label = -1
        self._with_pinned = True
        train_data = options.get("train_data")
        if train_data is not None:
            training = read_training_data(train_data, self.recorded.module, options["unpack"], self._processes)
            self.metadata.training = training

        def batches(source: Any) -> Batches:
            return Batches(source, self.recorded.module, options["unpack"], texts)

        self._batches = batches
        alone = self._processes.size == 1
        self._data = None if data is None else batches(with_indices(data) if alone else data)
        self.first: BatchRecord | None = None
        self._first_ids: list[str] = []
        if self._data is not None:
            first_data = self._data
            run_in_evaluation_mode(self.recorded.module, (first_data.source,), lambda: self._run_first(first_data))
            warn_of_dropped(first_data)
        pinned = options["pinned"]
        self._pinned = None if pinned is None else self._checked_pinned(batches(pinned))

    @property
    def graph(self) -> schema.Graph:
        """The model's graph: the union of the execution paths of all passes so far."""
        return self.recorded.graph

    @property
    def layers(self) -> tuple[schema.LayerInfo, ...]:
        """The layers whose activations are recorded; empty before the graph is recorded."""
        return self.recorded.layers

    @property
    def probabilities(self) -> bool | None:
        """Whether the scores are probabilities; None if the model's graph does not show it."""
        node = None if self._instances is None else self._instances.score.node
        return None if node is None else ends_in_probabilities(self.graph, node)

    @property
    def has_data(self) -> bool:
        """Whether there are data for `evaluate`."""
        return self._data is not None

    def of_part(self, highest: np.uint64 | None, *, pinned: bool) -> None:
        """Has the next pass be over one part of the data among several; `highest` as in `ExpectedSample.of_part`.

        Arguments:
            pinned: whether it is the part that the pinned instances come with.
        """
        self._sample.of_part(highest)
        self._with_pinned = pinned

    def empty_record(self) -> BatchRecord:
        """The record of a batch without instances, as of a process that has fewer batches than others.

        Raises:
            ActiVisError: the layers are not known yet.
        """
        if not self.recorded.is_recorded:
            why = "This process made no forward pass in evaluation mode, and others did."
            raise ActiVisError(f"{why} Give each process at least one batch of the first evaluation.")
        return BatchRecord(self.recorded.as_arrays({}, 0), ids=[])

    def evaluate(self, sink: Sink, progress: bool | None = None) -> Sequence[str]:
        """Runs one evaluation pass over the data and restores the model: a watch around a loop of our own.

        Arguments:
            sink: called for each batch; the pinned instances come last.
            progress: whether to show a progress bar; None: on a terminal, if the pass takes more than a second.

        Returns:
            Notes for the snapshot: which layers are left out, and why.

        Raises:
            ActiVisError: no layer ran in the pass.
        """
        data = self._data
        if data is None:
            raise ConfigurationError(
                "log() runs the model over `data`, and this logger has none. Give ActiVisLogger(..., data=...), or put "
                "`with activis.watch(step) as watched:` around an evaluation of your own."
            )
        stream = RandomStream((data.source, *([] if self._pinned is None else [self._pinned.source])))

        def with_hooks() -> PassCollector:
            model = self.recorded.initialized()
            broadcast_buffers(model, self._processes)
            collector = PassCollector(
                self.recorded,
                model,
                self.metadata,
                self._order,
                self._instance_reader,
                sink,
                stream.run,
                stream,
                self._sample.recorder(self.metadata, self._order),
                self._rerun(model, lambda work: run_in_evaluation_mode(self.recorded.module, (), work)),
            )
            return bracketed(collector.attach, lambda: run_passes(model, collector), lambda failed: collector.detach())

        def run_passes(model: nn.Module, collector: PassCollector) -> PassCollector:
            shown = with_bar(data, progress and not self._processes.rank)
            batches = self._local_batches(stream.each(shown) if data.may_draw else shown, collector)
            self._run_batches(model, collector, batches, sink, stream)
            collector.end_of_data()
            self._run_pinned(model, collector, sink, stream)
            return collector

        collector = run_in_evaluation_mode(self.recorded.module, None, with_hooks)
        self._sample.note(collector.positions)
        return [*collector.notes(self._processes), *self._output_notes()]

    def watch(
        self,
        snapshot: OpenSnapshot,
        guard: Guard,
        step: Any,
        loader: Any = None,
        *,
        in_batches: bool = True,
        dry: bool = False,
    ) -> Watch:
        """Begins to watch an evaluation; see `ActiVisLogger.watch`.

        Arguments:
            snapshot: of the evaluation.
            guard: what reports errors.
            step: for messages.
            loader: the data loader that the evaluation reads, if known: its order says how instances are identified.
            in_batches: see `PassCollector`.
            dry: see `OpenSnapshot`.
        """
        source = None if loader is None else self._batches(loader)
        stream = RandomStream(() if loader is None else (loader,))
        module = self.recorded.module

        def guarded(work: Callable[[], Any]) -> Any:
            return run_in_evaluation_mode(module, () if loader is None else (loader,), work)

        def collector(watch: Watch) -> PassCollector:
            order = InstanceOrder(source, None, self._processes)
            self.metadata.check(order.instances if source is not None else None, fixed_order=order.fixed)
            return PassCollector(
                self.recorded,
                module,
                self.metadata,
                order,
                self._instance_reader,
                snapshot.add,
                guarded,
                stream,
                self._sample.recorder(self.metadata),
                self._rerun(module, guarded),
                weakly(watch.on_error),
                weakly(watch.add_unlabelled),
                in_batches=in_batches,
            )

        def finish(watch: Watch, collector: PassCollector) -> None:
            for note in (*collector.notes(self._processes), *self._output_notes()):
                watch.note(note)
            self._sample.note(collector.positions)
            if self._pinned is not None and not dry:
                guarded(lambda: self._run_pinned_alone(collector, snapshot.add, stream))

        same_order = self._is_same_order if loader is None else lambda first: True
        watch = Watch(
            module,
            collector,
            snapshot,
            self._batches(None),
            guard,
            step,
            finish,
            same_order,
            dry=dry,
            is_distributed=self._processes.size > 1,
        )
        bracketed(watch.open, lambda: None, lambda failed: watch.close(ActiVisError("interrupted")) if failed else None)
        return watch

    def _rerun(self, model: nn.Module, guarded: Callable[[Callable[[], Any]], Any]) -> TorchRerun:
        return TorchRerun(self.recorded, model, self._score, guarded, wanted=self.effects is not None)

    def _score(self, output: Any, instances: int) -> Any:
        return None if self._instances is None else self._instances.score.of(output, instances)

    def _instance_reader(
        self, batch: Batch, output: Any, is_own_output: bool = True, instances: int | None = None
    ) -> BatchReader:
        """The reader of instances, which is made for the first batch and the output for its first instances.

        Arguments:
            is_own_output: whether that is the model's output, of which the graph says something.
        """
        if self._instances is None:
            flow = OutputFlow(self.graph if is_own_output else None)
            count = instances or batch.instances
            arguments = (batch, output, count, self._options, flow, self._highest_label)
            if self.recorded.of_positions:
                self._instances = PositionReader(*arguments, model=self.recorded.module)
            else:
                self._instances = InstanceReader(*arguments)
            if self._instances.problem:
                warn(f"ActiVis: {self._instances.problem}")
        return self._instances

    def _output_notes(self) -> list[str]:
        """What was decided of the model's outputs, in words, at the end of a pass; a wrong decision is made anew in the next."""
        if self._instances is None:
            return []
        score = self._instances.score
        if score.mistake:
            self._instances, self._highest_label = None, score.highest
            warn(f"ActiVis: {score.mistake} In later snapshots another output is the score, if one fits.")
        return score.notes

    def _run_first(self, data: Batches) -> None:
        """Decides everything by the first batch of the data."""
        local = self._first_batch(data)
        self._order = InstanceOrder(data, local, self._processes)
        first, is_local = self._broadcast_first(local)
        output, instances = self.recorded.record(first)
        self.metadata.check(self._order.instances, fixed_order=self._order.fixed)
        reader = self._instance_reader(first, output, instances=instances)
        if is_local:
            passed = PassReader(self.metadata, self._order, of_positions=self.recorded.of_positions)
            self.first = reader.first(first, passed, output, instances)

    def _run_batches(
        self,
        model: nn.Module,
        collector: PassCollector,
        batches: Iterable[Batch],
        sink: Sink,
        stream: RandomStream,
    ) -> None:
        """Runs the model on the batches; all processes do so at the same time."""
        move = self.recorded.mover()
        for batch in rounds(self._processes, batches):
            if batch is None:
                stream.run(lambda: self.recorded.run_example(model))
                sink(replace(self.empty_record(), pinned=collector.is_pinned))
                continue
            collector.begin(batch)
            moved = move(batch)
            stream.run(lambda moved=moved: model(*moved.args, **moved.kwargs))  # type: ignore[misc]
            collector.end()

    def _run_pinned(self, model: nn.Module, collector: PassCollector, sink: Sink, stream: RandomStream) -> None:
        collector.pin()
        pinned = self._pinned if self._with_pinned else None
        self._run_batches(model, collector, stream.each(pinned or ()), sink, stream)

    def _run_pinned_alone(self, watched: PassCollector, sink: Sink, stream: RandomStream) -> None:
        """Runs the pinned instances after an evaluation that was watched."""
        model = self.recorded.module
        order = InstanceOrder(None, None, self._processes)
        collector = PassCollector(
            self.recorded,
            model,
            self.metadata,
            order,
            self._instance_reader,
            sink,
            stream.run,
            stream,
            self._sample.recorder(self.metadata),
            self._rerun(model, stream.run),
        )
        bracketed(
            collector.attach,
            lambda: self._run_pinned(model, collector, sink, stream),
            lambda failed: collector.detach(),
        )

    def _local_batches(self, batches: Iterable[Batch], collector: PassCollector) -> Iterator[Batch]:
        """The batches that this process evaluates."""
        rank, size = self._order.share
        for number, batch in enumerate(batches):
            if number % size == rank:
                yield batch
            else:
                collector.skip(batch)

    def _is_same_order(self, first: Batch) -> bool:
        """Whether the first instances of this evaluation are those of the one before, by their content."""
        ids = ContentIds().for_batch(first_instances(first, 8))
        before, self._first_ids = self._first_ids, ids
        return not before or before[: len(ids)] == ids[: len(before)]

    def _checked_pinned(self, pinned: Batches) -> Batches:
        if not pinned.fixed_order:
            raise ConfigurationError(
                "pinned instances come shuffled or as a stream, so that they could not be told apart. Give them in a fixed order: "
                "as whole tensors, a list of batches, or a DataLoader without shuffling."
            )
        first = run_in_evaluation_mode(
            self.recorded.module, (pinned.source,), lambda: self._first_batch(pinned, "pinned")
        )
        if first is None:
            raise ConfigurationError("pinned is empty; leave it out, or give at least one instance.")
        return pinned

    def _broadcast_first(self, local: Batch | None) -> tuple[Batch, bool]:
        """The first batch, the same on all processes because it decides for all, and whether it is this process's own."""
        batch = broadcast_batch(self._processes, local)
        if batch is None:
            raise ConfigurationError("data is empty; there must be at least one instance to evaluate the model on.")
        return batch, batch is local

    def _first_batch(self, data: Batches, name: str = "data") -> Batch | None:
        """The first batch of the data that has instances; None if there is none."""
        try:
            return next((each for each in data if each.instances), None)
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConfigurationError(f"{name} cannot be read: {type(error).__name__}: {error}") from error
