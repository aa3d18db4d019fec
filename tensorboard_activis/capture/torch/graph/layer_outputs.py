"""Where a layer's output tensor is in a forward pass, and the recording of one pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorboard_activis import schema
from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.graph.call_stack import CallCounts

#: The operator, so to speak, that gives the heads of an attention.
HEADS = "heads"


@dataclass(frozen=True)
class TensorLocation:
    """Which tensor of a forward pass is a layer's output.

    Attributes:
        module: path of the module, or of the module in which the operator runs.
        call: index of the module's call, from 0.
        key_path: of the tensor in the output, such as "[1][0]"; "" if the output is one tensor.
        operator: name of the operator; "" for the output of a module. "heads": of the heads of an attention, of which the key path
            is the figure, "" for the norm of their output.
        ordinal: how many operators of that name ran before it in this call of the module.
    """

    module: str
    call: int
    key_path: str
    operator: str = ""
    ordinal: int = 0


@dataclass(frozen=True)
class LayerOutput:
    """The output tensor of a layer, as it was in the recorded pass.

    Attributes:
        location: where it comes up in a forward pass.
        raw_shape: of the raw tensor.
        axes: of the raw tensor.
        instances: in the recorded batch.
    """

    location: TensorLocation
    raw_shape: tuple[int, ...]
    axes: Axes
    instances: int

    @property
    def shape(self) -> tuple[int, ...]:
        """With a batch axis of its own, also where `axes.flattened`."""
        return self.axes.unflattened(self.raw_shape, self.instances)[0]

    @property
    def position_sizes(self) -> tuple[int, ...]:
        """Sizes of its axes besides instances and neurons."""
        shape, axes = self.axes.unflattened(self.raw_shape, self.instances)
        own = (axes.batch or 0, axes.neuron_axis(len(shape)) if len(shape) > 1 else 0)
        return tuple(size for axis, size in enumerate(shape) if axis not in own)

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        shape, axes = self.axes.unflattened(self.raw_shape, self.instances)
        return shape[axes.neuron_axis(len(shape))] if len(shape) > 1 else 1


@dataclass(frozen=True)
class Recording:
    """What one recorded forward pass gives.

    Attributes:
        graph: of the model.
        outputs: by key of the node, of all nodes whose output is one tensor.
        output: of the model.
        calls: how often each module and operator was called.
    """

    graph: schema.Graph
    outputs: Mapping[str, LayerOutput]
    output: Any
    calls: CallCounts

    @property
    def layer_outputs(self) -> dict[str, LayerOutput]:
        """Those of `outputs` that have a batch axis, so that they can be layers."""
        return {key: output for key, output in self.outputs.items() if output.axes.batch is not None}
