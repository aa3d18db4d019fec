"""What is logged of recorded layers whose output has the shape of their node, neurons on its last axis; and checks in a pass."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.reducers import Reducer, reducer_name
from tensorboard_activis.errors import ActiVisError


@dataclass(frozen=True)
class Axes:
    """The axes of an output array: of its instances, and of its neurons, which are the last; both 0 for [instances]."""

    batch: int
    neurons: int


def axes_of(sizes: Sequence[int]) -> Axes | None:
    """The axes of an output whose sizes have -1 for the instances; None if they do not."""
    if -1 not in sizes:
        return None
    batch, last = list(sizes).index(-1), len(sizes) - 1
    return Axes(batch, last if batch < last else max(last - 1, 0))


def layer_info(node: schema.Node, reducer: Reducer, *, feeds_relu: bool) -> schema.LayerInfo:
    """What is logged about the layer at a node: width, reducer, neuron axis and shape."""
    shape = node.outputs[0]
    axes, rank = axes_of(shape.sizes), len(shape.sizes)
    assert axes is not None
    return schema.LayerInfo(
        name=node.key,
        neurons=shape.sizes[axes.neurons] if rank > 1 else 1,
        reducer=reducer_name(reducer, rank),
        axis=max(axes.neurons - (axes.batch < axes.neurons), 0),
        shape=shape,
        feeds_relu=feeds_relu,
    )


@contextmanager
def named_layer(name: str) -> Iterator[None]:
    """A context in which errors get the name of the layer in front."""
    try:
        yield
    except ActiVisError as error:
        raise type(error)(f"Layer {name!r}: {error}") from error


def check_shapes(layers: Sequence[schema.LayerInfo], activations: Mapping[str, np.ndarray], instances: int) -> None:
    """Checks the activations of a batch, by layer.

    Raises:
        ActiVisError: they are not [instances, neurons].
    """
    for layer in layers:
        shape = activations[layer.name].shape if layer.name in activations else None
        if shape is not None and shape != (instances, layer.neurons):
            raise ActiVisError(
                f"Layer {layer.name!r} gave {list(shape)} for a batch of {instances} instances; it had {layer.neurons} "
                "neurons before."
            )


def absent_layers(absent: Mapping[str, int], layers: int, evaluated: int, reasons: Mapping[str, str] = {}) -> list[str]:
    """Notes on the layers that gave nothing for any instance.

    Arguments:
        absent: by layer, for how many instances it gave nothing.
        layers: number of recorded layers.
        evaluated: number of instances.
        reasons: by layer, where it is another than that it did not run.

    Raises:
        ActiVisError: these are all layers.
    """
    names = [name for name, count in absent.items() if count and count == evaluated]
    notes = [
        f"The layer {name!r} is unknown. {reasons.get(name, 'It did not run in this evaluation.')} Leave it out of layers=, or "
        "name the module around it."
        for name in names
    ]
    if names and len(names) == layers:
        raise ActiVisError(" ".join(notes))
    return notes
