"""Finds the instance axis of every output by two recorded passes of different numbers of instances: it is the axis that changes.

In one pass alone an axis can only be taken for that of the instances because of its size, which others may share: texts as long
as the batch is large, windows of as many days.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tensorboard_activis import schema
from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.graph.layer_outputs import LayerOutput, Recording


def with_changing_axes(first: Recording, second: Recording) -> Recording:
    """The first of two recordings of a model, with the instance axes that both of them show.

    Outputs that only the first one has, as where the passes took different paths, stay as they are, unless each is of one instance.
    """
    single = _of_single_instances(first, second)
    outputs = {
        key: _output(output, second.outputs[key])
        if key in second.outputs and len(second.outputs[key].raw_shape) == len(output.raw_shape)
        else replace(output, axes=replace(output.axes, batch=None, flattened=False))
        if key in single
        else output
        for key, output in first.outputs.items()
    }
    changed = {key: output for key, output in outputs.items() if output != first.outputs[key]}
    return replace(first, outputs=outputs, graph=_with_shapes(first.graph, changed)) if changed else first


def instance_axes(axes: Axes, shape: Sequence[int], other: Sequence[int], instances: int, others: int) -> Axes:
    """The axes of a tensor whose shapes are known for two numbers of instances.

    Arguments:
        axes: what is known by the first pass.
        shape, other: in the first and in the second pass.
        instances, others: number of instances in the first and in the second pass.

    Returns:
        The axes; without a batch axis if none changes with the instances, or if the neurons do.
    """
    if axes.gathered:
        return axes
    changing = [axis for axis in range(len(shape)) if shape[axis] != other[axis]]
    exact = [axis for axis in changing if shape[axis] == instances and other[axis] == others]
    merged = axes.batch if axes.flattened and changing == [axes.batch] else None
    if merged is not None and shape[merged] % instances == 0 and shape[merged] * others == other[merged] * instances:
        return axes
    if len(exact) != 1:
        return replace(axes, batch=None, flattened=False)
    batch = exact[0]
    neurons = axes.neurons
    if neurons is None or neurons == batch:
        rank = len(shape)
        rest = [axis for axis in range(rank) if axis != batch]
        guess = Axes(batch).neuron_axis(rank)
        neurons = neurons if guess != batch and neurons is None else rest[-1] if rest else None
    if neurons in changing and neurons != batch:
        return replace(axes, batch=None, flattened=False)
    return Axes(batch, neurons)


def _of_single_instances(first: Recording, second: Recording) -> set[str]:
    """Outputs of modules and operators that the first pass ran, in proportion, as much more often as it had more instances."""

    def places(recording: Recording) -> dict[tuple[str, str], list[str]]:
        keys = defaultdict(list)
        for key, output in recording.outputs.items():
            keys[output.location.module, output.location.operator].append(key)
        return keys

    ours, theirs = places(first), places(second)
    instances = [next((each.instances for each in recording.outputs.values()), 0) for recording in (first, second)]
    return {
        key
        for place, keys in ours.items()
        if len(keys) != len(theirs[place]) and len(keys) * instances[1] == len(theirs[place]) * instances[0]
        for key in keys
    }


def _output(output: LayerOutput, other: LayerOutput) -> LayerOutput:
    axes = instance_axes(output.axes, output.raw_shape, other.raw_shape, output.instances, other.instances)
    return output if axes == output.axes else replace(output, axes=axes)


def _with_shapes(graph: schema.Graph, outputs: Mapping[str, LayerOutput]) -> schema.Graph:
    """The graph, with -1 for the instances where they are in these outputs."""
    nodes = tuple(
        replace(node, outputs=(_shape(node.outputs[0], outputs[node.key]),))
        if node.key in outputs and len(node.outputs) == 1
        else node
        for node in graph.nodes
    )
    edges = tuple(
        replace(edge, shape=_shape(edge.shape, outputs[edge.source]))
        if edge.source in outputs and edge.shape is not None
        else edge
        for edge in graph.edges
    )
    return replace(graph, nodes=nodes, edges=edges)


def _shape(shape: schema.Shape, output: LayerOutput) -> schema.Shape:
    sizes = list(output.shape)
    _, axes = output.axes.unflattened(output.raw_shape, output.instances)
    if axes.batch is not None:
        sizes[axes.batch] = -1
    return replace(shape, sizes=tuple(sizes))
