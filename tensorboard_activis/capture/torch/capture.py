"""Evaluation passes over a torch model: what is recorded is settled once, then taken from every pass."""

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np
import torch
from torch import nn

from tensorboard_activis import schema
from tensorboard_activis.capture.interrupts import bracketed
from tensorboard_activis.capture.layers import choose, feed_relu
from tensorboard_activis.capture.processes import Processes, SingleProcess, rounds
from tensorboard_activis.capture.progress import with_bar
from tensorboard_activis.capture.random_states import RandomStream
from tensorboard_activis.capture.reducers import Reducer, layer_reducers, reducer_name
from tensorboard_activis.capture.torch.batch import Batch, broadcast_batch, first_instances, map_tensors
from tensorboard_activis.capture.torch.batches import Batches, Texts, Unpack
from tensorboard_activis.capture.torch.buffers import broadcast_buffers
from tensorboard_activis.capture.torch.evaluation_mode import (
    device_of,
    dtype_of,
    is_lazy,
    is_sharded,
    run_in_evaluation_mode,
)
from tensorboard_activis.capture.torch.execution_paths import ExecutionPaths
from tensorboard_activis.capture.torch.export import exported_graph
from tensorboard_activis.capture.torch.graph import Tracer
from tensorboard_activis.capture.torch.hooks import ActivationHooks
from tensorboard_activis.capture.torch.instance_order import InstanceOrder
from tensorboard_activis.capture.torch.instances import Instances, Reading, gives_probabilities
from tensorboard_activis.capture.torch.layer_outputs import Recording
from tensorboard_activis.capture.torch.modules import unwrap
from tensorboard_activis.errors import ActiVisError, ConfigurationError, warn

#: So many instances are enough for the graph; a size that is rare among widths tells the axis of instances.
_RECORDED = 11


class TorchCapture:
    """A model and its evaluation data.

    Arguments: see `ActiVisLogger`.

        described: `task`, `id`, `columns` and `audio`.

    Attributes:
        layers: what is recorded.
        probabilities: whether the model's outputs are probabilities; None if its graph does not say so.
        first: what is known of a few instances, as `SnapshotCollector.add` takes it, to be tried.

    Raises:
        ConfigurationError: the data are empty or of no use, the model does not run on them, or a layer is not there.
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
        **described: Any,
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
        if device_of(self._model).type == "meta":
            raise ConfigurationError("model is on the meta device, so it has no values. Materialise it first.")
        self._sharded = is_sharded(self._model)
        if self._sharded and self._processes.size == 1:
            raise ConfigurationError(
                "The model's parameters are spread over several processes, so that one alone cannot run it. Make the logger on "
                "all of them, each with its part of the data, and without distributed=False."
            )
        self._data = Batches(data, self._model, unpack, texts)

        def try_first() -> tuple[Recording, Batch]:
            own = self._first(self._data)
            self._order = InstanceOrder(self._data, own, self._processes)
            first, mine = self._shared_first(own)
            recording, few = self._recorded(first)
            self._instances = Instances(
                self._data, self._order, first, recording.output, few.instances, class_names=class_names, **described
            )
            self.first = self._instances.first(first, recording.output, few.instances) if mine else {}
            return recording, few

        recording, few = run_in_evaluation_mode(self._model, (self._data.source,), try_first)
        self._few = few
        self.probabilities = gives_probabilities(recording.graph)
        if self._instances.problem:
            warn(f"ActiVis: {self._instances.problem}")
        self._pinned = None if pinned is None else self._checked_pinned(Batches(pinned, self._model, unpack, texts))
        self._warn_of_dropped()
        names = choose(recording.graph, layers)
        self._paths = ExecutionPaths(recording.graph, recording.calls)
        if graph == "export":
            self._paths = ExecutionPaths(self._exported(recording, few, names), None)
        reducers = layer_reducers(recording.graph, names, reducer)
        self._layer_outputs = {name: recording.layer_outputs[name] for name in names}
        self._reducers = {name: reducers[name] for name in names}
        nodes, feeding = {node.key: node for node in self.graph.nodes}, feed_relu(self.graph, names)
        self.layers = tuple(self._info(nodes[name], name in feeding) for name in names)

    @property
    def graph(self) -> schema.Graph:
        """Of the model: what all passes so far went through."""
        return self._paths.graph

    def evaluate(self, add: Callable[..., None], progress: bool | None = None) -> None:
        """One evaluation pass, after which the model is as before.

        Arguments:
            add: called for each batch as the recorder's `SnapshotCollector.add`.
            progress: whether to show a bar; None: on a terminal, when it takes more than a second.

        Raises:
            ActiVisError: a layer did not run in the whole pass, or gave something else than before.
        """
        seen, absent = 0, Counter[str]()
        loaders = (self._data.source, *([] if self._pinned is None else [self._pinned.source]))

        def hooked() -> None:
            model = self._initialised()
            broadcast_buffers(model, self._processes)
            hooks = ActivationHooks(model, self._layer_outputs, self._reducers)
            bracketed(hooks.attach, lambda: passes(model, hooks), lambda failed: hooks.detach())

        def passes(model: nn.Module, hooks: ActivationHooks) -> None:
            nonlocal seen
            reading = draws.run(self._instances.begin)
            batches = self._own(draws.each(with_bar(self._data, progress and not self._processes.rank)), reading)
            for batch in rounds(self._processes, batches):
                if batch is None:
                    draws.run(lambda: self._idle(model))
                    add({layer.name: np.zeros((0, layer.neurons), np.float32) for layer in self.layers}, ids=[])
                    continue
                # Operators are counted in one batch of a pass: this costs a little.
                self._add(add, draws, hooks, model, batch, reading, absent, count_operators=not seen)
                seen += batch.instances
            reading.end()
            reading = draws.run(self._instances.begin_pinned)
            for batch in rounds(self._processes, draws.each(self._pinned or ())):
                if batch is None:
                    draws.run(lambda: self._idle(model))
                else:
                    self._add(add, draws, hooks, model, batch, reading, Counter(), pinned=True)

        draws = RandomStream(loaders)
        run_in_evaluation_mode(self._model, None, hooked)
        self._check_absent(absent, seen)

    def _own(self, batches: Iterable[Batch], reading: Reading) -> Iterator[Batch]:
        """The batches of which this process takes care."""
        mine, size = self._order.share
        for number, batch in enumerate(batches):
            if number % size == mine:
                yield batch
            else:
                reading.pass_over(batch)

    def _idle(self, model: nn.Module) -> None:
        """A forward pass of which nothing is kept, where the others' passes wait for it."""
        if self._sharded:
            model(*self._few.args, **self._few.kwargs)

    def _add(
        self,
        add: Callable[..., None],
        draws: RandomStream,
        hooks: ActivationHooks,
        model: nn.Module,
        batch: Batch,
        reading: Reading,
        absent: Counter[str],
        *,
        count_operators: bool = False,
        pinned: bool = False,
    ) -> None:
        """One batch through the model."""
        described = draws.run(lambda: reading.of(batch))  # before the model sees it
        moved = self._moved(batch)

        def forward() -> Any:
            return model(*moved.args, **moved.kwargs)

        output, taken = draws.run(
            lambda: hooks.run(forward, moved.instances, moved.mask, count_operators=count_operators)
        )
        absent.update({layer.name: moved.instances for layer in self.layers if layer.name not in taken})
        described |= self._instances.of(batch, output)
        add(self._rows(taken, moved.instances), pinned=pinned, **described)

        def inputs(few: bool) -> tuple[tuple[Any, ...], dict[str, Any], int]:
            some = first_instances(moved, _RECORDED) if few else moved
            return some.args, some.kwargs, some.instances

        if not self._sharded:  # all would have to record again when one does
            draws.run(lambda: self._paths.record_if_new(hooks.calls, model, inputs))

    def _rows(self, taken: Mapping[str, torch.Tensor], instances: int) -> dict[str, np.ndarray]:
        """Per layer float32 [instances, neurons]; NaN where the batch went another way."""
        return {
            layer.name: taken[layer.name].numpy(force=True)
            if layer.name in taken
            else np.full((instances, layer.neurons), np.nan, np.float32)
            for layer in self.layers
        }

    def _check_absent(self, absent: Mapping[str, int], seen: int) -> None:
        names = [layer.name for layer in self.layers]
        counts = self._processes.sum(np.array([seen, *(absent.get(name, 0) for name in names)])).tolist()
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
        if run_in_evaluation_mode(self._model, (pinned.source,), lambda: self._first(pinned, "pinned")) is None:
            raise ConfigurationError("pinned is empty; leave it out, or give at least one instance.")
        return pinned

    def _shared_first(self, own: Batch | None) -> tuple[Batch, bool]:
        """The first batch, of several processes the same on all, for what it decides must hold for all; and whose it is."""
        found = broadcast_batch(self._processes, own)
        if found is None:
            raise ConfigurationError("data is empty; there must be at least one instance to evaluate the model on.")
        return found, found is own

    def _first(self, data: Batches, name: str = "data") -> Batch | None:
        try:
            first = next(iter(data), None)
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConfigurationError(f"{name} cannot be read: {type(error).__name__}: {error}") from error
        return first if first is not None and first.instances else None

    def _recorded(self, first: Batch) -> tuple[Recording, Batch]:
        """A forward pass over a few instances of the first batch; over all of them if the model cannot do with few.

        Returns:
            The recording, and what it is of.
        """
        model = self._initialised()
        batch = self._moved(first)
        few = first_instances(batch, _RECORDED)
        if few.instances < batch.instances:
            try:
                return Tracer(model, few.instances).run(few.args, few.kwargs), few
            except Exception:  # told below, if it was not the cut
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
        """What torch.export makes of the model; the recorded graph, with a warning, where it makes nothing of it."""
        try:
            return run_in_evaluation_mode(
                self._model,
                (self._data.source,),
                lambda: exported_graph(
                    self._initialised(), batch.args, batch.kwargs, batch.instances, recording, names
                ),
            )
        except Exception as error:
            said = str(error).strip().partition("\n")[0]
            warn(
                f"ActiVis: torch.export cannot export this model ({type(error).__name__}: {said}). Its graph is that of a "
                "recorded forward pass, as without graph='export'."
            )
            return recording.graph

    def _initialised(self) -> nn.Module:
        """The model, or a copy while it has parameters that its first forward pass makes: that pass is the user's."""
        return copy.deepcopy(self._model) if is_lazy(self._model) else self._model

    def _moved(self, batch: Batch) -> Batch:
        """The batch on the model's device; floating inputs of the model's own type, if it has one for all parameters."""
        device, dtype = device_of(self._model), dtype_of(self._model)

        def move(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(device, dtype if tensor.is_floating_point() else None, non_blocking=True)

        mask = None if batch.mask is None else batch.mask.to(device)
        return Batch(
            map_tensors(batch.args, move), map_tensors(batch.kwargs, move), batch.labels, batch.instances, mask
        )

    def _info(self, node: schema.Node, feeds_relu: bool) -> schema.LayerInfo:
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
        source: Any = self._data.source
        size = getattr(source, "batch_size", None)
        dataset = getattr(source, "dataset", None)
        if getattr(source, "drop_last", False) and size and isinstance(dataset, Sized) and len(dataset) % size:
            warn(
                f"ActiVis: data has drop_last=True, so {len(dataset) % size} of its {len(dataset)} instances are in no "
                "snapshot. Give a loader with drop_last=False."
            )
