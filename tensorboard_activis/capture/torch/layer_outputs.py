"""Where a layer's values come up in a forward pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorboard_activis import schema
from tensorboard_activis.capture.torch.axes import Axes
from tensorboard_activis.capture.torch.call_stack import CallCounts


@dataclass(frozen=True)
class TensorLocation:
    """Where in a forward pass a layer's values come up.

    Attributes:
        module: path of the module, or of the one around the operator.
        call: which call of it.
        part: of its output, "" if that is one tensor.
        operator, ordinal: name of the operator, and how many of that name ran before it in this call of the module.
    """

    module: str
    call: int
    part: str
    operator: str = ""
    ordinal: int = 0


@dataclass(frozen=True)
class LayerOutput:
    """Where a layer's values come up, and the raw tensor as it was recorded with `instances` instances.

    `shape` has an axis of instances, also where `axes` says that the raw tensor folds it together with others.
    """

    place: TensorLocation
    shape: tuple[int, ...]
    axes: Axes
    instances: int


@dataclass(frozen=True)
class Recording:
    """The graph, the source of every key that holds one tensor, what the model answered, and what was called for it."""

    graph: schema.Graph
    sources: Mapping[str, LayerOutput]
    output: Any
    calls: CallCounts
