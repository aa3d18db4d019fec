"""The graph of a Flax model, and which axes of each output are instances and neurons, from two sizes of batch."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from flax import nnx

from tensorboard_activis import schema
from tensorboard_activis.capture.flax.forward_pass import DraftNode, ForwardPass

#: Modules of Flax that run the user's modules, so that these get nodes of their own.
_CONTAINERS = {"Sequential", "List", "Dict"}
#: Attributes of modules to show, by label.
_ATTRIBUTES = {
    "kernel": "kernel_size", "stride": "strides", "padding": "padding", "in features": "in_features",
    "out features": "out_features", "features": "num_features", "embeddings": "num_embeddings", "heads": "num_heads",
    "hidden size": "hidden_features", "rate": "rate",
}  # fmt: skip


def is_one_node(module: nnx.Module) -> bool:
    """Whether this is a layer that Flax provides, neither a container nor a class of the user's."""
    cls = next((base for base in type(module).__mro__ if "__call__" in vars(base)), type(module))
    return cls.__module__.startswith("flax.") and type(module).__name__ not in _CONTAINERS


def make_graph(
    model: nnx.Module, modules: Mapping[str, nnx.Module], run: ForwardPass, other: ForwardPass | None, instances: int
) -> schema.Graph:
    """The graph of a model.

    Arguments:
        modules: all modules, by path.
        run: a pass over a batch.
        other: a pass over a batch of twice as many instances; None if the model cannot run on one.
        instances: in the batch.
    """
    shapes: dict[int, schema.Shape] = {}
    for key, node in run.nodes.items():
        twice = other.nodes.get(key) if other is not None else None
        others: Sequence[Any] = [None] * len(node.outputs) if twice is None else twice.outputs
        if len(others) == len(node.outputs):
            for array, larger in zip(node.outputs, others, strict=True):
                shapes[id(array)] = _shape(array, larger, instances)

    def shape(array: Any) -> schema.Shape:
        return shapes.get(id(array)) or _shape(array, None, instances)

    ran_inside: dict[str, int] = defaultdict(int)
    for node in run.nodes.values():
        if node.kind == "module" and node.parent is not None:
            ran_inside[node.parent] += 1
    drafts = {**run.nodes, **_silent(modules, run)}
    nodes = tuple(
        _node(
            draft,
            modules,
            [shape(array) for array in draft.outputs],
            run.calls[draft.path] or int(ran_inside[draft.key] > 0),
        )
        for draft in drafts.values()
    )
    edges = tuple(
        schema.Edge(source, target, shape(array))
        for (source, target), array in run.edges.items()
        if source in drafts and target in drafts
    )
    return schema.Graph("flax", type(model).__name__, nodes, edges)


def _silent(modules: Mapping[str, nnx.Module], run: ForwardPass) -> dict[str, DraftNode]:
    """Nodes of the modules that never ran, without those inside of modules that are one node."""
    silent: dict[str, DraftNode] = {}
    for path, module in modules.items():
        known = {**run.nodes, **silent}
        outer = [path[:place] for place in range(len(path), 0, -1) if path[place : place + 1] == "."]
        parent = next((each for each in outer if each in known), "")
        around = modules[parent.partition("@")[0]]
        if path and path not in known and callable(module) and not is_one_node(around):
            silent[path] = DraftNode(path, parent, "module", type(module).__name__, path)
    return silent


def _shape(array: Any, larger: Any, instances: int) -> schema.Shape:
    """The shape of an array, with -1 for the axis of instances: the one that is twice as long for twice as many."""
    sizes = list(array.shape)
    if larger is None:
        axes = [axis for axis, size in enumerate(sizes) if size == instances][:1]
    else:
        same_rank = len(larger.shape) == len(sizes)
        axes = [axis for axis, size in enumerate(sizes) if not same_rank or larger.shape[axis] != size]
        axes = axes if same_rank and len(axes) == 1 and sizes[axes[0]] == instances else []
    for axis in axes:
        sizes[axis] = -1
    return schema.Shape(tuple(sizes), str(array.dtype))


def _node(
    draft: DraftNode, modules: Mapping[str, nnx.Module], shapes: Sequence[schema.Shape], calls: int
) -> schema.Node:
    if draft.kind != "module":
        name = draft.key.removeprefix(draft.parent or "").lstrip("/")
        return schema.Node(draft.key, draft.parent, draft.kind, name, draft.type, tuple(shapes))
    module = modules[draft.path]
    parameters, others = _sizes(module, nnx.Param), _sizes(module, nnx.Not(nnx.Any(nnx.Param, nnx.RngState)))
    attributes = {} if type(module).__name__ in _CONTAINERS else _attributes(module)
    if others:
        attributes["buffers"] = f"{others:,}"
    inside = draft.path.removeprefix(f"{(draft.parent or '').partition('@')[0]}.")
    name = inside + (f"@{draft.call}" if draft.call else "")
    return schema.Node(
        draft.key,
        draft.parent,
        "module",
        name or draft.type,
        draft.type,
        tuple(shapes),
        parameters,
        attributes,
        draft.call,
        calls,
    )


def _sizes(module: nnx.Module, kind: Any) -> int:
    return sum(int(getattr(leaf, "size", 0)) for leaf in jax.tree.leaves(nnx.state(module, kind)))


def _attributes(module: nnx.Module) -> dict[str, str]:
    attributes = {}
    for label, name in _ATTRIBUTES.items():
        value = vars(module).get(name)
        if isinstance(value, tuple | list) and value and all(isinstance(size, int) for size in value):
            value = "×".join(map(str, value))
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            attributes[label] = str(value)
    return attributes
