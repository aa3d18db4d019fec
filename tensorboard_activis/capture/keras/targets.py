"""Selects the layers of a Keras model to capture, and the reducer of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tensorboard_activis.capture.graph.layers import Selection, choose, feed_relu
from tensorboard_activis.capture.keras.graph.recording import Recording
from tensorboard_activis.capture.reducers import Reducer, layer_reducers, reducer_name
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.schema import LayerInfo


@dataclass(frozen=True, slots=True)
class Target:
    """A layer to capture, its reducer, and whether only a replay can capture it."""

    info: LayerInfo
    reducer: Reducer
    replayed: bool = False


def targets(
    recording: Recording, names: Sequence[str], reducer: Reducer | Mapping[str, Reducer] | None = None
) -> list[Target]:
    """What is captured of the layers.

    Arguments:
        names: keys of the layers.
        reducer: one for all layers, or a mapping by name or glob; None: the mean.

    Raises:
        ConfigurationError: the output of a layer cannot be captured or has an open number of neurons.
    """
    nodes = {node.key: node for node in recording.graph.nodes}
    reducers = layer_reducers(recording.graph, names, reducer)
    feeding = feed_relu(recording.graph, names)
    chosen = []
    for name in names:
        if name not in recording.observable:
            raise ConfigurationError(
                f"layers: {name!r} cannot be recorded: it runs inside a loop or a branch, and Keras does not show what that "
                "gives. Name the layer around it."
            )
        shape, axis = nodes[name].outputs[0], recording.axes[name]
        rank = len(shape.sizes)
        neurons = shape.sizes[axis + 1] if rank > 1 else 1
        if neurons < 0:
            raise ConfigurationError(
                f"layers: {name!r} gives outputs of shape {shape.sizes}, with no fixed number of neurons on axis {axis + 1}. "
                "Leave it out, or give the model's Input a fixed size there."
            )
        info = LayerInfo(name, neurons, reducer_name(reducers[name], rank), axis, shape, name in feeding)
        chosen.append(Target(info, reducers[name], name in recording.replayed))
    return chosen


def select(recording: Recording, layers: Sequence[str] | None) -> Selection:
    """Selects the layers to record.

    Arguments:
        layers: names or globs; None: a default selection.

    Raises:
        ConfigurationError: `layers` matches nothing.
    """
    selection = _chosen(recording, layers)
    if layers is not None:
        return selection
    # A replay only for layers that the user named.
    names = [name for name in selection.names if name in recording.observable and name not in recording.replayed]
    return selection if len(names) == len(selection.names) else replace(selection, names=[*names, ""])


def _chosen(recording: Recording, layers: Sequence[str] | None) -> Selection:
    widths = {
        node.key: node.outputs[0].sizes[recording.axes[node.key] + 1]
        for node in recording.graph.nodes
        if node.key in recording.axes and node.outputs and len(node.outputs[0].sizes) > 1
    }
    try:
        return choose(recording.graph, layers, widths)
    except ConfigurationError as error:
        operators = recording.graph.origin in ("recorded", "tree") and any("/" in name for name in layers or ())
        if not operators:
            raise
        raise ConfigurationError(
            f"{error} Operators in the code of this model cannot be recorded, since it runs only on tensors with values. Write "
            "it with keras.ops instead of the backend's own functions, use layers (keras.layers.Add, keras.layers.ReLU, ...), "
            "or name the layer around the operator."
        ) from error
