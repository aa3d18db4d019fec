"""Where a layer's output tensor is in a forward pass, and the recording of one pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorboard_activis import schema
from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.graph.call_stack import CallCounts


@dataclass(frozen=True)
class TensorLocation:
    """Which tensor of a forward pass is a layer's output.

    Attributes:
        module: path of the module, or of the module in which the operator runs.
        call: index of the module's call, from 0.
        key_path: of the tensor in the output, such as "[1][0]"; "" if the output is one tensor.
        operator: name of the operator; "" for the output of a module.
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
        shape: with a batch axis of its own, also where `axes.flattened`.
        axes: of the raw tensor.
        instances: in the recorded batch.
    """

    location: TensorLocation
    shape: tuple[int, ...]
    axes: Axes
    instances: int


@dataclass(frozen=True)
class Recording:
    """What one recorded forward pass gives.

    Attributes:
        graph: of the model.
        layer_outputs: by key of the node, of all nodes whose output is one tensor with a batch axis.
        output: of the model.
        calls: how often each module and operator was called.
    """

    graph: schema.Graph
    layer_outputs: Mapping[str, LayerOutput]
    output: Any
    calls: CallCounts
