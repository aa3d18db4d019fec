"""A model with its recorded graph and the layers whose activations are logged."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from tensorboard_activis import schema
from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.graph.layers import Selection, choose, feed_relu, of_positions
from tensorboard_activis.capture.reducers import Reducer, each_position, layer_reducers, likely_reducer, reducer_name
from tensorboard_activis.capture.torch.data.batch import Batch, all_tensors, axis_choices, first_instances, map_tensors
from tensorboard_activis.capture.torch.data.instances import labels_of
from tensorboard_activis.capture.torch.data.positions import is_encoder_decoder, mask_of, position_sizes
from tensorboard_activis.capture.torch.depth.blocks import BlockRow, last_blocks
from tensorboard_activis.capture.torch.depth.hooks import DepthHooks
from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.graph.call_stack import CallCounts
from tensorboard_activis.capture.torch.graph.changing_axes import with_changing_axes
from tensorboard_activis.capture.torch.graph.execution_paths import ExecutionPaths
from tensorboard_activis.capture.torch.graph.export import exported_graph
from tensorboard_activis.capture.torch.graph.layer_outputs import LayerOutput, Recording
from tensorboard_activis.capture.torch.graph.tracer import Tracer
from tensorboard_activis.capture.torch.hooks import ActivationHooks
from tensorboard_activis.capture.torch.model.modules import TensorOrPacked, type_name, unwrap
from tensorboard_activis.capture.torch.model.parameters import is_lazy, is_sharded, model_device, parameter_dtype
from tensorboard_activis.capture.torch.patch_grid import patch_grids
from tensorboard_activis.capture.torch.positions import Grid, PositionRecorder
from tensorboard_activis.capture.torch.reduce import read_output, reduce_output
from tensorboard_activis.capture.torch.taps import Tap, TapHooks
from tensorboard_activis.errors import ConfigurationError, warn

#: Instances in the forward passes that record the graph: sizes that are rare for other axes. The first two that are no other size
#: of the inputs or of a weight are taken.
_TRACE_SIZES = (11, 7, 13, 5, 9, 17)


def trace_sizes(batch: Batch, model: nn.Module) -> tuple[int, int]:
    """The larger and the smaller number of instances of the two passes that record the graph of the model on this batch."""
    inputs = all_tensors([batch.args, batch.kwargs])
    weights = [each for each in model.parameters() if not nn.parameter.is_lazy(each)]
    taken = {size for each in (*inputs, *weights) for size in each.shape} - {batch.instances}
    possible = [size for size in _TRACE_SIZES if size <= batch.instances] or [batch.instances]
    rare = [size for size in possible if size not in taken]
    chosen = sorted([*rare, *(size for size in possible if size in taken)][:2], reverse=True)
    return chosen[0], chosen[1] if len(chosen) > 1 else max(1, chosen[0] - 1)


class RecordedModel:
    """A model, its graph and its recorded layers, which are decided once, by the first batch: see `record`.

    Arguments:
        model: the user's, perhaps wrapped.
        layers, reducer, graph, depth, unit: as in `ActiVisLogger`.
        processes: that log together.

    Attributes:
        of_positions: whether positions are the instances.
        reducer: as given, or what keeps positions.
        module: the user's own model, unwrapped.
        sharded: whether its parameters are spread over several processes.
        layers: whose activations are recorded; empty before the graph is recorded.
        selection: what these were selected from; None before.

    Raises:
        ConfigurationError: the model cannot be recorded, or an argument is wrong.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[str] | None,
        reducer: Reducer | Mapping[str, Reducer] | None,
        graph: str,
        processes: Processes,
        *,
        depth: bool = True,
        unit: str = "instance",
    ) -> None:
        if graph not in ("recorded", "export"):
            raise ConfigurationError(
                f"graph must be 'recorded' (one forward pass) or 'export' (torch.export); got {graph!r}."
            )
        if not isinstance(model, nn.Module):
            raise ConfigurationError(f"model must be a torch.nn.Module; got a {type(model).__name__}.")
        self.module = unwrap(model)
        if isinstance(self.module, torch.jit.ScriptModule):
            raise ConfigurationError(
                "model is a ScriptModule, inside which no layer can be seen. Give the module that it was made from."
            )
        if model_device(self.module).type == "meta":
            raise ConfigurationError("model is on the meta device, so it has no values. Materialise it first.")
        self.sharded = is_sharded(self.module)
        if self.sharded and processes.size == 1:
            raise ConfigurationError(
                "The model's parameters are spread over several processes, so that one alone cannot run it. Make the logger on "
                "all of them, each with its part of the data, and without distributed=False."
            )
        self.of_positions = unit == "position"
        if unit not in ("instance", "position"):
            raise ConfigurationError(
                f"unit must be 'instance', or 'position' for every token or place of one; got {unit!r}."
            )
        if self.of_positions and reducer is not None:
            raise ConfigurationError(
                "unit='position' has nothing to reduce: every position is an instance. Leave reducer= out."
            )
        self.reducer = each_position if self.of_positions else reducer
        self._positions: set[tuple[int, ...]] = set()
        self._chosen, self._kind, self._depth = layers, graph, depth and not self.of_positions
        self._blocks: BlockRow | None = None
        self._example: Batch | None = None
        self._choice = self.axis = 0  # see `first_instances`; the instance axis of the first input
        self._execution_paths: ExecutionPaths | None = None
        self._layer_outputs: dict[str, LayerOutput] = {}
        self._reducers: dict[str, Reducer] = {}
        self._grids: dict[str, Grid] = {}
        self.layers: tuple[schema.LayerInfo, ...] = ()
        self.selection: Selection | None = None

    @property
    def is_recorded(self) -> bool:
        """Whether the graph is recorded and the layers are decided."""
        return self._execution_paths is not None

    @property
    def graph(self) -> schema.Graph:
        """The model's graph: the union of the execution paths of all passes so far; empty before the first one."""
        if self._execution_paths is None:
            return schema.Graph("torch", type_name(self.module), (), ())
        return self._execution_paths.graph

    def record(self, first: Batch) -> tuple[Any, int]:
        """Records a forward pass over the first few instances of a batch, and decides the layers. Called in evaluation mode.

        Over all of the batch if the model fails on few.

        Returns:
            The model's output, and for how many instances.

        Raises:
            ConfigurationError: the forward pass fails, or a layer does not exist.
        """
        recording, example = self._recorded(self.to_device(first))
        self._example = example
        self._positions = self._position_sizes(first, example.instances)
        graph = self._exported(recording, example) if self._kind == "export" else None
        self._grids = patch_grids(self.module, recording, self.decide(recording, graph))
        return recording.output, example.instances

    def record_running(self, batch: Batch, positions: PositionRecorder) -> "RunningRecording":
        """Begins to record what is computed from here on with parts of the model, where its own forward is not called."""
        self._positions = self._position_sizes(batch, batch.instances)
        return RunningRecording(self, batch, positions)

    def initialized(self) -> nn.Module:
        """The model; a copy while it has lazy parameters, which the user's own first forward pass must initialize."""
        return copy.deepcopy(self.module) if is_lazy(self.module) else self.module

    def hooks(self, model: nn.Module, positions: PositionRecorder | None = None) -> ActivationHooks:
        """Hooks that collect activations and positions of the recorded layers of the model or of a copy of it."""
        depth = None if self._blocks is None else DepthHooks(model, self._blocks)
        hooks = ActivationHooks(model, self._layer_outputs, self._reducers, depth, positions, self._grids)
        hooks.keeps_patterns = not self.of_positions
        return hooks

    def tap_hooks(self, model: nn.Module, tap: Tap) -> TapHooks:
        """Hooks that change neurons of the recorded layers."""
        return TapHooks(model, self._layer_outputs, self._reducers, tap)

    def run_example(self, model: nn.Module) -> None:
        """A forward pass whose output is dropped: the passes of the other processes wait for it if the model is sharded."""
        if self.sharded and self._example is not None:
            model(*self._example.args, **self._example.kwargs)

    def record_path(self, calls: CallCounts, model: nn.Module, batch: Batch) -> None:
        """Records the graph again, if a forward pass on this batch made calls that none made before. Called in evaluation mode."""
        assert self._execution_paths is not None

        def inputs(shortened: bool) -> tuple[tuple[Any, ...], dict[str, Any], int]:
            selected = first_instances(batch, max(_TRACE_SIZES[:2]), self._choice) if shortened else batch
            return selected.args, selected.kwargs, selected.instances

        if not self.sharded:  # all processes would have to record again together
            self._execution_paths.record_if_new(calls, model, inputs)

    def is_new_path(self, calls: CallCounts) -> bool:
        """Whether `record_path` would record these calls."""
        return self._execution_paths is not None and not self.sharded and self._execution_paths.is_new(calls)

    def as_arrays(self, activations: Mapping[str, torch.Tensor], instances: int) -> dict[str, np.ndarray]:
        """By layer, float32 [instances, neurons]; NaN for layers that did not run in this batch."""
        return {
            layer.name: activations[layer.name].numpy(force=True)
            if layer.name in activations
            else np.full((instances, layer.neurons), np.nan, np.float32)
            for layer in self.layers
        }

    def to_device(self, batch: Batch) -> Batch:
        """The batch on the model's device; see `mover`."""
        return self.mover()(batch)

    def mover(self) -> Callable[[Batch], Batch]:
        """A function that moves batches to the model's device; floating-point inputs get the parameters' dtype, if all have one."""
        device, dtype = model_device(self.module), parameter_dtype(self.module)

        def move(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(device, dtype if tensor.is_floating_point() else None, non_blocking=True)

        def packed_to_device(sequences: PackedSequence) -> PackedSequence:
            return sequences.to(device)  # type: ignore[arg-type]

        def moved(batch: Batch) -> Batch:
            mask = None if batch.mask is None else batch.mask.to(device)
            args, kwargs = (map_tensors(each, move, packed_to_device) for each in (batch.args, batch.kwargs))
            return replace(batch, args=args, kwargs=kwargs, mask=mask)

        return moved

    def _recorded(self, batch: Batch) -> tuple[Recording, Batch]:
        """Records two passes of different numbers of instances, which show the instance axes; one over the batch if that fails."""
        model = self.initialized()
        larger, smaller = trace_sizes(batch, model)
        self._choice, found = 0, list[tuple[Recording, Batch]]()
        for choice, axis in enumerate(axis_choices(batch)):
            example = first_instances(batch, larger, choice)
            if example.instances == batch.instances:
                break
            try:
                recording = Tracer(model, larger).run(example.args, example.kwargs)
            except Exception:  # reported below, unless it was the small batch that failed
                break
            found.append((recording, example))
            if any(larger in tensor.shape for tensor in all_tensors([recording.output])):
                self._choice, self.axis = choice, axis  # the output has as many rows
                break
        if found:
            recording, example = found[self._choice]
            return self._with_second_pass(model, recording, batch, smaller), example
        tracer = Tracer(model, batch.instances)
        try:
            recording = tracer.run(batch.args, batch.kwargs)
        except Exception as error:
            raise ConfigurationError(
                f"The model's forward pass failed on the first batch of data, in {tracer.failed_in}: "
                f"{type(error).__name__}: {error}. Check that data yields what the model takes; if a batch holds more, "
                "give unpack=, a function of the batch that returns (inputs, labels)."
            ) from error
        return self._with_second_pass(model, recording, batch, smaller), batch

    def _with_second_pass(self, model: nn.Module, recording: Recording, batch: Batch, smaller: int) -> Recording:
        fewer = first_instances(batch, smaller, self._choice)
        if smaller >= batch.instances or fewer.instances != smaller:  # it cannot be divided
            return recording
        try:
            return with_changing_axes(recording, Tracer(model, smaller).run(fewer.args, fewer.kwargs))
        except Exception:  # it fails on so few instances: what one pass shows has to do
            return recording

    def decide(self, recording: Recording, exported: schema.Graph | None = None) -> Mapping[str, Reducer]:
        """Decides the layers by a recorded pass; returns their reducers, by name."""
        self.selection = self._select(recording)
        names = self.selection.names
        reducers = layer_reducers(recording.graph, names, self.reducer)
        layer_outputs = recording.layer_outputs
        self._layer_outputs = {name: layer_outputs[name] for name in names}
        self._reducers = {name: reducers[name] for name in names}
        graph = recording.graph if exported is None else exported
        nodes, feeding = {node.key: node for node in graph.nodes}, feed_relu(graph, names)
        self.layers = tuple(self._layer_info(nodes[name], name in feeding) for name in names)
        self._blocks = last_blocks(recording) if self._depth and not self.sharded else None
        self._execution_paths = ExecutionPaths(graph, recording.calls if exported is None else None)
        return self._reducers

    def _select(self, recording: Recording) -> Selection:
        outputs = recording.layer_outputs
        widths = {key: output.neurons for key, output in outputs.items()}
        selection = choose(recording.graph, self._chosen, widths)
        if not self.of_positions:
            return selection
        with_positions = {
            key
            for key, output in outputs.items()
            if output.position_sizes and (not self._positions or output.position_sizes in self._positions)
        }
        return of_positions(selection, with_positions, widths)

    def _position_sizes(self, batch: Batch, instances: int) -> set[tuple[int, ...]]:
        """Sizes that a layer of positions may have, as far as the batch tells.

        Those of the positions; of packed and nested sequences also the longest among the first so many instances.
        """
        decodes = is_encoder_decoder(self.module)
        sizes = position_sizes(labels_of(batch), batch, decodes=decodes) if self.of_positions else None
        mask = mask_of(batch, decodes=decodes)
        longest = set() if mask is None or not mask.numel() else {(int(mask[:instances].sum(1).max()),)}
        return set() if sizes is None else {sizes} | (longest if len(sizes) == 1 else set())

    def _exported(self, recording: Recording, batch: Batch) -> schema.Graph:
        """The graph that torch.export makes of the model; the recorded graph, with a warning, if torch.export fails."""
        names = self._select(recording).names
        try:
            return exported_graph(self.initialized(), batch.args, batch.kwargs, batch.instances, recording, names)
        except Exception as error:
            message = str(error).strip().partition("\n")[0]
            warn(
                f"ActiVis: torch.export cannot export this model ({type(error).__name__}: {message}). Its graph is that of a "
                "recorded forward pass, as without graph='export'."
            )
            return recording.graph

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


class RunningRecording:
    """Records one batch that somebody else runs through parts of a model, and what its possible layers give.

    Arguments:
        recorded: the model, whose layers are decided by this batch.
        batch: the batch, as far as it is known.
        positions: records where in the input neurons are active.
    """

    def __init__(self, recorded: RecordedModel, batch: Batch, positions: PositionRecorder) -> None:
        self._recorded, self._batch, self._positions = recorded, batch, positions
        self._activations: dict[str, torch.Tensor] = {}
        self._reducers: dict[str, Reducer] = {}
        self._tracer = Tracer(recorded.module, batch.instances, self._reduce, batch.mask)

    def start(self) -> None:
        """Begins; the caller must call `stop` or `finish` whatever happens."""
        self._tracer.start(self._batch.args, self._batch.kwargs)
        self._tracer.enter_model(self._batch.args, self._batch.kwargs)

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the model has run."""
        return not self._activations

    def pause(self) -> None:
        """What is computed from here on is not part of the batch, until `resume`."""
        self._tracer.pause()

    def resume(self) -> None:
        """The batch goes on."""
        self._tracer.resume()

    def stop(self) -> None:
        """Drops what was recorded."""
        self._tracer.stop()
        self._activations = {}

    def finish(self, output: Any) -> dict[str, torch.Tensor]:
        """Ends, and decides the layers of the model.

        Arguments:
            output: the logits, as far as known.

        Returns:
            By recorded layer float32 [instances, neurons].

        Raises:
            ConfigurationError: a layer does not exist.
        """
        self._tracer.leave_model(output)
        self._tracer.stop()
        recording = self._tracer.recording(output)
        reducers = self._recorded.decide(recording)
        return {name: self._activations[name] for name in reducers if reducers[name] == self._reducers.get(name)}

    def _reduce(self, key: str, tensor: TensorOrPacked, axes: Axes) -> None:
        self._reducers[key] = reducer = likely_reducer(key, self._recorded.reducer)
        output = read_output(tensor, axes, self._batch.instances, self._batch.mask)
        self._activations[key] = values = reduce_output(output, reducer)
        self._positions.add(key, output, values)
