"""Collects the forward passes that somebody makes with a model, by hooks."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.modules.loss import _Loss
from torch.utils.hooks import RemovableHandle

from tensorboard_activis.capture.adapter import Sink
from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.instances.metadata import BatchMetadata, InstanceMetadata
from tensorboard_activis.capture.isolation.interrupts import uninterrupted
from tensorboard_activis.capture.isolation.random_states import RandomStream
from tensorboard_activis.capture.torch.data.batch import Batch, all_tensors
from tensorboard_activis.capture.torch.data.instance_order import InstanceOrder
from tensorboard_activis.capture.torch.data.instances import BatchReader, InstanceReader, PassReader
from tensorboard_activis.capture.torch.data.padding import padding_mask
from tensorboard_activis.capture.torch.depth.reader import DepthReader
from tensorboard_activis.capture.torch.forward_pass import Pass, batch_of_call, instance_axis, last_fitting
from tensorboard_activis.capture.torch.graph.call_stack import CallCounts
from tensorboard_activis.capture.torch.hooks import ActivationHooks
from tensorboard_activis.capture.torch.layer_notes import layer_notes
from tensorboard_activis.capture.torch.model.current_pass import current_pass, own_work
from tensorboard_activis.capture.torch.positions import PositionRecorder
from tensorboard_activis.capture.torch.recorded_model import RecordedModel, RunningRecording
from tensorboard_activis.capture.torch.rerun import TorchRerun
from tensorboard_activis.errors import ActiVisError


class PassCollector:
    """Hooks on a model that collect its forward passes in evaluation mode, in this thread; batch by batch, from `begin` to `end`.

    The first pass is preceded by one of a few instances that records the graph, unless it is recorded already.

    Arguments:
        recorded: the model.
        model: `recorded.module`, or a copy of it, which is run.
        metadata: the user's ids and columns.
        order: how the instances are identified where these have no ids.
        instances: gives the reader of instances for a batch, the output for it, and whether that is the model's own.
        sink: called for each batch.
        guarded: runs a function with the model in evaluation mode, and restores what that changed.
        stream: the random numbers of the user's functions of a batch.
        positions: records where in the input neurons are active.
        rerun: the model, to be run again to measure effects.
        on_error: called with an error in a hook; None: it is raised, for the pass is our own.
        on_pass: called after each pass.
        in_batches: whether passes are taken only between `begin` and `end`.

    Attributes:
        passes: since the last `begin` or `take`.
        ignoring: whether passes are not taken for now. failed: whether no more are.
        calls: of the model that are running, each whether it is taken.
        absent: by layer, for how many instances it did not run.
        evaluated: instances so far.
        trained: passes in training mode since the last batch, which were not taken.
    """

    def __init__(
        self,
        recorded: RecordedModel,
        model: nn.Module,
        metadata: InstanceMetadata,
        order: InstanceOrder,
        instances: Callable[[Batch, Any, bool], BatchReader],
        sink: Sink,
        guarded: Callable[[Callable[[], Any]], Any],
        stream: RandomStream,
        positions: PositionRecorder,
        rerun: TorchRerun,
        on_error: Callable[[Exception], None] | None = None,
        on_pass: Callable[[], None] = lambda: None,
        *,
        in_batches: bool = True,
    ) -> None:
        self._recorded, self._model, self._metadata, self._instances = recorded, model, metadata, instances
        self._sink, self._guarded, self._stream, self._on_error = sink, guarded, stream, on_error
        self._on_pass, self._in_batches = on_pass, in_batches
        self.positions, self._rerun = positions, rerun
        self._reader = PassReader(metadata, order, of_positions=recorded.of_positions)
        self._pass = current_pass()
        self._handles: list[RemovableHandle] = []
        self._hooks: ActivationHooks | None = None
        self._depth: DepthReader | None = None
        self._running: RunningRecording | None = None
        self._batch: Batch | None = None
        self._metadata_of_batch = BatchMetadata(None, None, None)
        self.calls: list[bool] = []
        self._record_error: Exception | None = None
        self._last_output, self._axis = None, 0
        self.is_pinned = self.ignoring = self.failed = False
        self.passes: list[Pass] = []
        self.absent: Counter[str] = Counter()
        self.evaluated = self.trained = self._most_passes = 0

    def __deepcopy__(self, memo: Any) -> "PassCollector":
        """The same: a model that is copied with its hooks while it is watched is another one for it."""
        return self

    def attach(self) -> None:
        """Registers the hooks; the caller must call `detach` whatever happens."""
        self._handles = [self._model.register_forward_pre_hook(self._model_begins, with_kwargs=True)]
        if self._recorded.is_recorded:
            self._attach_layers()
        else:
            self._attach_end()

    def detach(self) -> None:
        """Removes the hooks; safe to call twice."""
        self._drop()
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self._hooks is not None:
            self._hooks.detach()

    def pin(self) -> None:
        """Batches from here on are of pinned instances."""
        self._reader, self.is_pinned = PassReader(self._metadata, None, of_positions=self._recorded.of_positions), True

    def skip(self, batch: Batch) -> None:
        """Skips a batch that another process evaluates."""
        self._reader.skip(batch)

    def end_of_data(self) -> None:
        """Checks at the end of the data that the user's ids and columns are all used. Raises ActiVisError if there are more."""
        self._reader.end()

    def pause(self) -> None:
        """Takes nothing that the model or its parts compute, until `resume`."""
        self.ignoring = True
        for each in (self._hooks, self._running):
            if each is not None:
                each.pause()

    def resume(self) -> None:
        """Takes passes again."""
        self.ignoring = False
        for each in (self._hooks, self._running):
            if each is not None:
                each.resume()

    def begin(self, batch: Batch) -> None:
        """Begins a batch: what the model or its parts compute until `end` belongs to it."""
        self._batch, self.passes, self._last_output = batch, [], None
        with own_work():
            self._metadata_of_batch = self.read(batch)  # before the model sees it
            if self._hooks is None or batch.mask is not None:  # of the others nothing is needed on the device
                batch = self._recorded.to_device(batch)
        self._begin_positions(batch.instances)
        if self._hooks is not None:
            self._hooks.start(batch.instances, batch.mask, not self.evaluated, batch.labels, self.is_pinned)
            self._hooks.enter_model()
        else:
            self._running = self._recorded.record_running(batch, self.positions)
            uninterrupted(self._running.start)

    def end(self, labels: Any = None, outputs: Any = None) -> None:
        """Ends the batch, and adds it.

        Arguments:
            labels, outputs: instead of those of the batch and of the model.

        Raises:
            ActiVisError: its instances cannot be told, or something of it cannot be used.
        """
        batch, self._batch = self._batch, None
        done = None if batch is None else self._pass_of(batch, outputs)
        self._most_passes, self.passes = max(self._most_passes, len(self.passes)), []
        if batch is not None and done is not None:
            described = batch if labels is None else replace(batch, labels=labels)
            self.add_pass(done.with_output(outputs), described, self._metadata_of_batch)

    def add_pass(self, done: Pass, batch: Batch, metadata: BatchMetadata) -> None:
        """Adds a forward pass.

        Arguments:
            done: the pass.
            batch: what is known of its instances.
            metadata: their ids, columns and texts.
        """
        if done.error is not None:
            raise done.error
        with own_work():
            reader = self._instances(batch, done.output, done.is_own_output)
            activations, rows = reader.rows(batch, done.activations, getattr(self._hooks, "failures", {}))
            values = self._recorded.as_arrays(activations, rows)
            record = reader.record(batch, metadata, values, done.output, pinned=self.is_pinned)
            if self._depth is not None and isinstance(reader, InstanceReader):
                record = self._depth.added(record, done.rows, done.output, batch.instances, reader)
            again = None if self.is_pinned else self._rerun.repeatable(done.batch)
            positions = self.positions.commit(done.positions, done.activations, metadata.ids, self.evaluated)
            record = replace(record, patterns=done.patterns, repeatable=again)
            self._sink(reader.with_positions(record, batch, positions))
            if not self.is_pinned:
                absent = {layer.name for layer in self._recorded.layers} - activations.keys()
                self.absent.update(dict.fromkeys(absent, batch.instances))
                self.evaluated, self.trained = self.evaluated + batch.instances, 0

    def take(self) -> list[Pass]:
        """The passes since the last batch, which are no longer remembered here."""
        taken, self.passes = self.passes, []
        return taken

    def notes(self, processes: Processes) -> list[str]:
        """What is to be said of this evaluation; see `layer_notes` and `DepthReader.new_notes`."""
        notes = layer_notes(self._recorded, self.evaluated, self.absent, self._hooks, processes)
        if self._most_passes > 1:
            notes += [f"The model ran up to {self._most_passes} times in a batch; the last pass over all of it counts."]
        return notes if self._depth is None else [*notes, *self._depth.new_notes()]

    def read(self, batch: Batch) -> BatchMetadata:
        """Ids, columns and texts of the next batch."""
        if not self._metadata.has_functions:
            return self._reader.read(batch)
        return self._stream.run(lambda: self._reader.read(batch))

    def again(self, done: Pass, instances: int) -> Pass:
        """Repeats a pass whose batch has another number of instances than its first axis, as where that axis is time.

        Raises:
            ActiVisError: no axis of the model's input has that size.
        """
        self._axis = instance_axis(done, instances, first=not self.evaluated)
        batch = replace(done.batch, instances=instances, mask=padding_mask(done.batch.kwargs, instances))
        passes: list[Pass] = []

        def run() -> None:
            self._recorded.record(batch)
            uninterrupted(self._attach_layers)
            assert self._hooks is not None
            self._begin_positions(None)
            self._hooks.start(instances, batch.mask, labels=batch.labels)
            output = self._model(*batch.args, **batch.kwargs)
            passes.append(self._done(batch, output, self._hooks.stop(output), self._hooks.calls, self._hooks.rows))

        self._unwatched(run)
        return passes[0]

    def fail(self) -> None:
        """Takes no further passes."""
        self.failed = True
        self._drop()

    def _drop(self) -> None:
        self.passes, self._batch = [], None
        if self._running is not None:
            self._running.stop()
            self._running = None
        if self._hooks is not None:
            self._hooks.drop()

    def _pass_of(self, batch: Batch, outputs: Any) -> Pass | None:
        """The pass that gave the results of a batch: the last one of as many instances, or the model's parts called one by one."""
        if (fitting := last_fitting(self.passes, batch.instances)) is not None:
            return fitting
        if self.trained or self._model.training:
            raise ActiVisError(
                "The model was evaluated in training mode. Passes are recorded in evaluation mode only: call model.eval() before."
            )
        output, rows = self._last_output if outputs is None else outputs, None
        if self._running is not None:
            running, self._running = self._running, None
            if running.is_empty:
                running.stop()
                return None
            activations: Mapping[str, torch.Tensor] = running.finish(output)
            uninterrupted(self._attach_layers)
        elif self._hooks is not None:
            activations, rows = self._hooks.stop(self._last_output), self._hooks.rows
        return self._done(batch, output, activations, CallCounts(frozenset()), rows) if activations else None

    def _attach_layers(self) -> None:
        if self._hooks is not None:
            self._hooks.detach()
        self._hooks = self._recorded.hooks(self._model, self.positions)
        self._depth = None if self._hooks.depth is None else DepthReader(self._hooks.depth, self._recorded.graph)
        self._hooks.attach()
        self._attach_end()

    def _attach_end(self) -> None:
        """Registers the hook that ends a pass, as the last one of the model: behind those that reduce its output."""
        for handle in self._handles[1:]:
            handle.remove()
        self._handles[1:] = [
            self._model.register_forward_hook(self._model_ends, with_kwargs=True, always_call=True),
            *(
                module.register_forward_hook(self._part_ends)
                for module in self._model.children()
                if not isinstance(module, torch.jit.ScriptModule)
            ),
        ]

    def _is_taken(self, module: nn.Module) -> bool:
        if self.ignoring or self.failed or (self._in_batches and self._batch is None):
            return False
        if module.training:
            self.trained += 1
            return False
        # Lightning lets wrappers call a step through the module's forward, which it replaces for that call.
        return getattr(vars(module).get("forward"), "__name__", "") != "wrapped_forward"

    def _model_begins(self, module: nn.Module, args: Any, kwargs: Any = None) -> None:
        # A thread that began a call before the hooks were removed, and waited, still calls this one, but no longer with kwargs.
        if module is self._model and current_pass() == self._pass:
            taken, nested = self._is_taken(module), any(self.calls)
            self.calls.append(taken)
            if taken and not nested:
                self._in_hook(lambda: self._start_pass(args, kwargs))

    def _model_ends(self, module: nn.Module, args: Any, kwargs: Any, output: Any = None) -> None:
        if module is not self._model or current_pass() != self._pass or not self.calls:
            return
        taken = self.calls.pop()
        if taken and not any(self.calls) and not self.failed:
            self._in_hook(lambda: self._stop_pass(output))

    def _part_ends(self, module: nn.Module, args: Any, output: Any) -> None:
        """Remembers the output of a part, losses and metrics aside; the last is that of a model whose forward is not called."""
        batch, other = self._batch, current_pass() != self._pass
        if batch is None or self.calls or self.ignoring or other or isinstance(module, _Loss):
            return
        if any(batch.instances in tensor.shape for tensor in all_tensors([output])):
            self._last_output = output

    def _in_hook(self, work: Callable[[], None]) -> None:
        """Runs our own code in a hook of a pass, which raises nothing there if the pass is the user's."""
        try:
            work()
        except Exception as error:
            if self._on_error is None:
                raise
            self._on_error(error)

    def _start_pass(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with own_work():
            self._call = batch_of_call(args, kwargs, self._batch, self._axis or self._recorded.axis, self._model)
        self._rerun.begin()
        if self._running is not None:
            self._running.stop()
            self._running = None
        unrecorded = self._hooks is None
        if unrecorded:
            self._record_error = self._record(self._call)
        self._begin_positions(self._call.instances)
        if self._hooks is not None:
            call = self._call
            self._hooks.start(call.instances, call.mask, not self.evaluated, call.labels, self.is_pinned)
            if unrecorded:  # the hooks of this call were looked up before
                self._hooks.enter_model()

    def _begin_positions(self, instances: int | None) -> None:
        """Begins a pass of as many instances; it is known which they are if the batch that was begun has as many."""
        begun = instances if self._batch is not None and self._batch.instances == instances else None
        self.positions.begin(begun, self._metadata_of_batch.ids, self.evaluated, pinned=self.is_pinned)

    def _done(self, batch: Batch, output: Any, activations: Any, calls: CallCounts, rows: Any) -> Pass:
        patterns = {} if self._hooks is None else self._hooks.patterns
        return Pass(batch, output, activations, calls, rows=rows, positions=self.positions.current, patterns=patterns)

    def _record(self, call: Batch) -> Exception | None:
        """Records the model, and attaches the hooks of its layers; returns the error if that fails.

        Then the pass may fail as well, which is the user's business, or its instances may turn out to be others.
        """
        for handle in self._handles:  # a model that is copied to be recorded must not be copied with these
            handle.remove()
        error = None
        try:
            self._unwatched(lambda: self._recorded.record(call))
        except Exception as raised:
            error = raised
        uninterrupted(self.attach)
        return error

    def _stop_pass(self, output: Any) -> None:
        if output is None:  # the model failed
            if self._hooks is not None:
                self._hooks.drop()
            return
        done = Pass(self._call, output, {}, CallCounts(frozenset()), error=self._record_error)
        if self._hooks is not None:
            done = self._done(self._call, output, self._hooks.stop(output), self._hooks.calls, self._hooks.rows)
        self.passes.append(done)
        # Pinned instances come without labels, or by themselves: what their pass calls is no path of the evaluation.
        if not self.is_pinned and self._recorded.is_new_path(done.calls):
            self._unwatched(lambda: self._recorded.record_path(done.calls, self._model, done.batch))
        self._on_pass()

    def _unwatched(self, work: Callable[[], Any]) -> None:
        """Runs the model ourselves, in evaluation mode."""
        self.ignoring = True
        try:
            self._guarded(work)
        finally:
            self.ignoring = False
