"""Evaluates a torch model on the evaluation data and gives the activations of the chosen layers, batch by batch."""

import copy
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np
import torch
from torch import nn

from tensorboard_activis import schema
from tensorboard_activis.capture.adapter import Sink
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.distributed.processes import Processes, SingleProcess, rounds
from tensorboard_activis.capture.instances.metadata import ColumnsFunction, IdFunction
from tensorboard_activis.capture.interrupts import bracketed
from tensorboard_activis.capture.layers import choose, feed_relu
from tensorboard_activis.capture.progress import with_bar
from tensorboard_activis.capture.random_states import RandomStream
from tensorboard_activis.capture.reducers import Reducer, layer_reducers, reducer_name
from tensorboard_activis.capture.torch.data.batch import Batch, broadcast_batch, first_instances, map_tensors
from tensorboard_activis.capture.torch.data.batches import Batches, Texts, Unpack
from tensorboard_activis.capture.torch.data.instance_order import InstanceOrder
from tensorboard_activis.capture.torch.data.instances import Audio, InstanceReader, PassReader, ends_in_probabilities
from tensorboard_activis.capture.torch.distributed.buffers import broadcast_buffers
from tensorboard_activis.capture.torch.graph.execution_paths import ExecutionPaths
from tensorboard_activis.capture.torch.graph.export import exported_graph
from tensorboard_activis.capture.torch.graph.layer_outputs import Recording
from tensorboard_activis.capture.torch.graph.tracer import Tracer
from tensorboard_activis.capture.torch.hooks import ActivationHooks
from tensorboard_activis.capture.torch.model.evaluation_mode import run_in_evaluation_mode
from tensorboard_activis.capture.torch.model.modules import unwrap
from tensorboard_activis.capture.torch.model.parameters import is_lazy, is_sharded, model_device, parameter_dtype
from tensorboard_activis.errors import ActiVisError, ConfigurationError, warn

#: Instances in the forward pass that records the graph. A size that is rare for other axes, so that it shows the batch axis.
_RECORDED_INSTANCES = 11


class TorchCapture:
    """A model and its evaluation data; `evaluate` runs one evaluation pass.

    The graph, the layers and the kind of labels are decided once, from the first batch.

    Arguments: see `ActiVisLogger`.

        processes: that log together; None: this one alone.

    Attributes:
        layers: whose activations are recorded.
        probabilities: whether the model's outputs are probabilities; None if its graph does not show it.
        first: what the first instances give, for a check before training; None if the first batch is another process's.

    Raises:
        ConfigurationError: the data are empty or cannot be used, the model does not run on them, or a layer does not exist.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Any,
        *,
        layers: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        reducer: Reducer | Mapping[str, Reducer] | None = None,
        unpack: Unpack | None = None,
        texts: Texts | None = None,
        graph: str = "recorded",
        pinned: Any = None,
        processes: Processes | None = None,
        task: str | None = None,
        id: IdFunction | Sequence[Any] | None = None,
        columns: ColumnsFunction | Mapping[str, Any] | None = None,
        audio: Audio | None = None,
    ) -> None:
        self._processes = processes or SingleProcess()
        if graph not in ("recorded", "export"):
            raise ConfigurationError(
                f"graph must be 'recorded' (one forward pass) or 'export' (torch.export); got {graph!r}."
            )
        if not isinstance(model, nn.Module):
            raise ConfigurationError(f"model must be a torch.nn.Module; got a {type(model).__name__}.")
        self._model = unwrap(model)
        if isinstance(self._model, torch.jit.ScriptModule):
            raise ConfigurationError(
                "model is a ScriptModule, whose inside cannot be seen. Give the module that it was made from."
            )
        if model_device(self._model).type == "meta":
            raise ConfigurationError("model is on the meta device, so it has no values. Materialise it first.")
        self._sharded = is_sharded(self._model)
        if self._sharded and self._processes.size == 1:
            raise ConfigurationError(
                "The model's parameters are spread over several processes, so that one alone cannot run it. Make the logger on "
                "all of them, each with its part of the data, and without distributed=False."
            )
        self._data = Batches(data, self._model, unpack, texts)

        def run_first() -> tuple[Recording, Batch]:
            local = self._first_batch(self._data)
            self._instance_order = InstanceOrder(self._data, local, self._processes)
            first, is_local = self._broadcast_first(local)
            recording, example = self._recorded(first)
            self._instances = InstanceReader(
                self._data,
                self._instance_order,
                first,
                recording.output,
                example.instances,
                class_names=class_names,
                task=task,
                id=id,
                columns=columns,
                audio=audio,
            )
            self.first: BatchRecord | None = (
                self._instances.first(first, recording.output, example.instances) if is_local else None
            )
            return recording, example

        recording, example = run_in_evaluation_mode(self._model, (self._data.source,), run_first)
        self._example = example
        self.probabilities = ends_in_probabilities(recording.graph)
        if self._instances.problem:
            warn(f"ActiVis: {self._instances.problem}")
        self._pinned = None if pinned is None else self._checked_pinned(Batches(pinned, self._model, unpack, texts))
        self._warn_of_dropped()
        names = choose(recording.graph, layers)
        self._execution_paths = ExecutionPaths(recording.graph, recording.calls)
        if graph == "export":
            self._execution_paths = ExecutionPaths(self._exported(recording, example, names), None)
        reducers = layer_reducers(recording.graph, names, reducer)
        self._layer_outputs = {name: recording.layer_outputs[name] for name in names}
        self._reducers = {name: reducers[name] for name in names}
        nodes, feeding = {node.key: node for node in self.graph.nodes}, feed_relu(self.graph, names)
        self.layers = tuple(self._layer_info(nodes[name], name in feeding) for name in names)

    @property
    def graph(self) -> schema.Graph:
        """The model's graph: the union of the execution paths of all passes so far."""
        return self._execution_paths.graph

    def evaluate(self, sink: Sink, progress: bool | None = None) -> None:
        """Runs one evaluation pass and restores the model.

        Arguments:
            sink: called for each batch; the pinned instances come last.
            progress: whether to show a progress bar; None: on a terminal, if the pass takes more than a second.

        Raises:
            ActiVisError: a layer never ran in the pass, or its output has another shape than before.
        """
        evaluated, absent = 0, Counter[str]()
        loaders = (self._data.source, *([] if self._pinned is None else [self._pinned.source]))

        def with_hooks() -> None:
            model = self._initialized()
            broadcast_buffers(model, self._processes)
            hooks = ActivationHooks(model, self._layer_outputs, self._reducers)
            bracketed(hooks.attach, lambda: run_passes(model, hooks), lambda failed: hooks.detach())

        def run_passes(model: nn.Module, hooks: ActivationHooks) -> None:
            nonlocal evaluated
            reader = random_stream.run(self._instances.begin)
            batches = self._local_batches(
                random_stream.each(with_bar(self._data, progress and not self._processes.rank)), reader
            )
            for batch in rounds(self._processes, batches):
                if batch is None:
                    random_stream.run(lambda: self._run_example(model))
                    nothing = {layer.name: np.zeros((0, layer.neurons), np.float32) for layer in self.layers}
                    sink(BatchRecord(nothing, ids=[]))
                    continue
                # Operators are counted in one batch of a pass: this costs a little.
                self._add(sink, random_stream, hooks, model, batch, reader, absent, count_operators=not evaluated)
                evaluated += batch.instances
            reader.end()
            reader = random_stream.run(self._instances.begin_pinned)
            for batch in rounds(self._processes, random_stream.each(self._pinned or ())):
                if batch is None:
                    random_stream.run(lambda: self._run_example(model))
                else:
                    self._add(sink, random_stream, hooks, model, batch, reader, Counter(), pinned=True)

        random_stream = RandomStream(loaders)
        run_in_evaluation_mode(self._model, None, with_hooks)
        self._check_absent(absent, evaluated)

    def _local_batches(self, batches: Iterable[Batch], reader: PassReader) -> Iterator[Batch]:
        """The batches that this process evaluates."""
        rank, size = self._instance_order.share
        for number, batch in enumerate(batches):
            if number % size == rank:
                yield batch
            else:
                reader.skip(batch)

    def _run_example(self, model: nn.Module) -> None:
        """A forward pass whose output is dropped: the passes of the other processes wait for it if the model is sharded."""
        if self._sharded:
            model(*self._example.args, **self._example.kwargs)

    def _add(
        self,
        sink: Sink,
        random_stream: RandomStream,
        hooks: ActivationHooks,
        model: nn.Module,
        batch: Batch,
        reader: PassReader,
        absent: Counter[str],
        *,
        count_operators: bool = False,
        pinned: bool = False,
    ) -> None:
        """Runs one batch through the model and adds what it gives."""
        metadata = random_stream.run(lambda: reader.read(batch))  # before the model sees it
        moved = self._to_device(batch)

        def forward() -> Any:
            return model(*moved.args, **moved.kwargs)

        output, activations = random_stream.run(
            lambda: hooks.run(forward, moved.instances, moved.mask, count_operators=count_operators)
        )
        absent.update({layer.name: moved.instances for layer in self.layers if layer.name not in activations})
        arrays = self._as_arrays(activations, moved.instances)
        sink(self._instances.record(batch, metadata, arrays, output, pinned=pinned))

        def inputs(shortened: bool) -> tuple[tuple[Any, ...], dict[str, Any], int]:
            selected = first_instances(moved, _RECORDED_INSTANCES) if shortened else moved
            return selected.args, selected.kwargs, selected.instances

        if not self._sharded:  # all processes would have to record again together
            random_stream.run(lambda: self._execution_paths.record_if_new(hooks.calls, model, inputs))

    def _as_arrays(self, activations: Mapping[str, torch.Tensor], instances: int) -> dict[str, np.ndarray]:
        """By layer, float32 [instances, neurons]; NaN for layers that did not run in this batch."""
        return {
            layer.name: activations[layer.name].numpy(force=True)
            if layer.name in activations
            else np.full((instances, layer.neurons), np.nan, np.float32)
            for layer in self.layers
        }

    def _check_absent(self, absent: Mapping[str, int], evaluated: int) -> None:
        """Checks that every layer ran for at least one instance, counted over all processes."""
        names = [layer.name for layer in self.layers]
        counts = self._processes.sum(np.array([evaluated, *(absent.get(name, 0) for name in names)])).tolist()
        for name, count in zip(names, counts[1:], strict=True):
            if count and count == counts[0]:
                raise ActiVisError(
                    f"The layer {name!r} did not run in this evaluation. Leave it out of layers=, or name the module around it."
                )

    def _checked_pinned(self, pinned: Batches) -> Batches:
        if not pinned.fixed_order:
            raise ConfigurationError(
                "pinned instances come shuffled or as a stream, so that they could not be told apart. Give them in a fixed order: "
                "as whole tensors, a list of batches, or a DataLoader without shuffling."
            )
        if run_in_evaluation_mode(self._model, (pinned.source,), lambda: self._first_batch(pinned, "pinned")) is None:
            raise ConfigurationError("pinned is empty; leave it out, or give at least one instance.")
        return pinned

    def _broadcast_first(self, local: Batch | None) -> tuple[Batch, bool]:
        """The first batch, the same on all processes because it decides for all, and whether it is this process's own."""
        batch = broadcast_batch(self._processes, local)
        if batch is None:
            raise ConfigurationError("data is empty; there must be at least one instance to evaluate the model on.")
        return batch, batch is local

    def _first_batch(self, data: Batches, name: str = "data") -> Batch | None:
        """The first batch of the data; None if there is none, or it is empty."""
        try:
            first = next(iter(data), None)
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConfigurationError(f"{name} cannot be read: {type(error).__name__}: {error}") from error
        return first if first is not None and first.instances else None

    def _recorded(self, first: Batch) -> tuple[Recording, Batch]:
        """Records a forward pass over the first few instances of the first batch; over all of it if the model fails on few.

        Returns:
            The recording, and the batch that it ran on.

        Raises:
            ConfigurationError: the forward pass fails.
        """
        model = self._initialized()
        batch = self._to_device(first)
        example = first_instances(batch, _RECORDED_INSTANCES)
        if example.instances < batch.instances:
            try:
                return Tracer(model, example.instances).run(example.args, example.kwargs), example
            except Exception:  # reported below, unless it was the small batch that failed
                pass
        tracer = Tracer(model, batch.instances)
        try:
            return tracer.run(batch.args, batch.kwargs), batch
        except Exception as error:
            raise ConfigurationError(
                f"The model's forward pass failed on the first batch of data, in {tracer.failed_in}: "
                f"{type(error).__name__}: {error}. Check that data yields what the model takes; if a batch holds more, "
                "give unpack=, a function of the batch that returns (inputs, labels)."
            ) from error

    def _exported(self, recording: Recording, batch: Batch, names: Sequence[str]) -> schema.Graph:
        """The graph that torch.export makes of the model; the recorded graph, with a warning, if torch.export fails."""
        try:
            return run_in_evaluation_mode(
                self._model,
                (self._data.source,),
                lambda: exported_graph(
                    self._initialized(), batch.args, batch.kwargs, batch.instances, recording, names
                ),
            )
        except Exception as error:
            message = str(error).strip().partition("\n")[0]
            warn(
                f"ActiVis: torch.export cannot export this model ({type(error).__name__}: {message}). Its graph is that of a "
                "recorded forward pass, as without graph='export'."
            )
            return recording.graph

    def _initialized(self) -> nn.Module:
        """The model; a copy while it has lazy parameters, which the user's own first forward pass must initialize."""
        return copy.deepcopy(self._model) if is_lazy(self._model) else self._model

    def _to_device(self, batch: Batch) -> Batch:
        """The batch on the model's device; floating-point inputs in the dtype of the parameters, if all have the same."""
        device, dtype = model_device(self._model), parameter_dtype(self._model)

        def move(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(device, dtype if tensor.is_floating_point() else None, non_blocking=True)

        mask = None if batch.mask is None else batch.mask.to(device)
        return Batch(
            map_tensors(batch.args, move), map_tensors(batch.kwargs, move), batch.labels, batch.instances, mask
        )

    def _layer_info(self, node: schema.Node, feeds_relu: bool) -> schema.LayerInfo:
        """What is logged about a layer: width, reducer, neuron axis and shape."""
        name = node.key
        output = self._layer_outputs[name]
        _, axes = output.axes.unflattened(output.shape, output.instances)
        rank, batch_axis = len(output.shape), axes.batch or 0
        neurons = axes.neuron_axis(rank)
        sizes = list(output.shape)
        width = sizes[neurons] if rank > 1 else 1
        sizes[batch_axis] = -1
        dtype = node.outputs[0].dtype if node.outputs else "float32"
        return schema.LayerInfo(
            name=name,
            neurons=width,
            reducer=reducer_name(self._reducers[name], rank),
            axis=max(neurons - (batch_axis < neurons), 0),
            shape=schema.Shape(tuple(sizes), dtype),
            feeds_relu=feeds_relu,
        )

    def _warn_of_dropped(self) -> None:
        """Warns if a data loader drops the last batch."""
        source: Any = self._data.source
        size = getattr(source, "batch_size", None)
        dataset = getattr(source, "dataset", None)
        if getattr(source, "drop_last", False) and size and isinstance(dataset, Sized) and len(dataset) % size:
            warn(
                f"ActiVis: data has drop_last=True, so {len(dataset) % size} of its {len(dataset)} instances are in no "
                "snapshot. Give a loader with drop_last=False."
            )
