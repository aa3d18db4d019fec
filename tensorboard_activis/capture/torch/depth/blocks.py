"""Which blocks of a model prediction by depth is of."""

from dataclasses import dataclass, field

from tensorboard_activis.capture.graph.blocks import Blocks
from tensorboard_activis.capture.graph.view import GraphView
from tensorboard_activis.capture.torch.graph.layer_outputs import LayerOutput, Recording


@dataclass(frozen=True)
class BlockRow:
    """The last block of a model and those beside it that give as much: of one list, each with an output of the same shape.

    Attributes:
        keys: of the blocks' outputs in the graph, in the order in which they run.
        outputs: where these are in a forward pass.
        batch, positions, neurons: their axes of instances, of tokens (None: there are none), and of neurons.
        said: why nothing was recorded, of what has been said already.
    """

    keys: tuple[str, ...]
    outputs: tuple[LayerOutput, ...]
    batch: int
    positions: int | None
    neurons: int
    said: set[str] = field(default_factory=set, compare=False)

    @property
    def last(self) -> str:
        """Key of the last block's output."""
        return self.keys[-1]


def last_blocks(recording: Recording) -> BlockRow | None:
    """The blocks to read after; None for a model without at least two, or whose blocks give maps."""
    layer_outputs = recording.layer_outputs
    view = GraphView(recording.graph, {key: output.neurons for key, output in layer_outputs.items()})
    called = [
        (view.owner(block), key)
        for block in Blocks(view).keys
        for key in view.recordable(view.nodes[block])
        if key in layer_outputs
    ]
    if not called:
        return None
    owner, last = called[-1]
    output = layer_outputs[last]
    rank = len(output.raw_shape)
    axes = output.axes
    if axes.batch is None or axes.flattened or axes.gathered or rank not in (2, 3):
        return None
    neurons = axes.neuron_axis(rank)
    keys = tuple(key for around, key in called if around == owner and _is_alike(layer_outputs[key], output))
    if len(keys) < 2 or neurons == axes.batch:
        return None
    positions = next(iter({0, 1, 2} - {axes.batch, neurons}), None) if rank == 3 else None
    return BlockRow(keys, tuple(layer_outputs[key] for key in keys), axes.batch, positions, neurons)


def _is_alike(one: LayerOutput, other: LayerOutput) -> bool:
    return (one.raw_shape, one.axes.batch, one.neurons) == (other.raw_shape, other.axes.batch, other.neurons)
