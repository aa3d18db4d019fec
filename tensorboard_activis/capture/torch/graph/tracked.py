"""What the tracer remembers while a forward pass runs: tensors that depend on the input, and the modules that run."""

from dataclasses import dataclass, field

import torch

from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.graph.call_stack import Frame


@dataclass(frozen=True)
class TrackedTensor:
    """A tensor that depends on the input, and the key of the node that made it. Referenced here, so that its `id` is not reused."""

    tensor: torch.Tensor
    producer: str
    axes: Axes


@dataclass
class RunningModule:
    """A module call that is running: its inputs that depend on the data, and the ids of the tensors made in it."""

    frame: Frame
    inputs: list[TrackedTensor]
    shapes: str
    tensor_ids: set[int] = field(default_factory=set)
    child_ran: bool = False
