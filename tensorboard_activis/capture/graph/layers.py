"""Selects the layers to record: those that match `layers=`, or a default selection. Works on any framework's graph."""

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.default_layers import MOST_LAYERS, MOST_NEURONS, default_layers, evenly_spaced
from tensorboard_activis.capture.graph.heads import is_unseen
from tensorboard_activis.capture.graph.view import GraphView
from tensorboard_activis.errors import ConfigurationError

_RELU, _RECURRENT = {"relu", "relu6"}, {"LSTM", "GRU", "RNN"}


@dataclass(frozen=True)
class PossibleLayer:
    """A layer that can be recorded: name, type and output of its node, number of neurons."""

    name: str
    type: str
    shape: schema.Shape
    neurons: int
    is_module: bool


@dataclass(frozen=True)
class Selection:
    """The layers to record.

    Attributes:
        view: the graph that they were selected from.
        names: keys of their nodes, in the order in which they run.
        notes: what is not recorded though a glob matches it or the defaults would take it, in words, for the snapshot.
        is_default: whether the user named no layers.
    """

    view: GraphView
    names: list[str]
    notes: tuple[str, ...] = ()
    is_default: bool = False

    @property
    def default(self) -> list[str]:
        """The default selection: keys, in the order in which they run."""
        return _default(self.view).names

    @property
    def possible(self) -> list[PossibleLayer]:
        """All layers that can be recorded, in the order in which they run."""
        view = self.view
        first: dict[str, schema.Node] = {}
        for node in view.nodes.values():
            for key in view.recordable(node):
                first.setdefault(key, node)
        return [
            PossibleLayer(key, node.type, view.nodes[key].outputs[0], view.width(key), node.kind == "module")
            for key, node in first.items()
        ]


def choose(graph: schema.Graph, layers: Sequence[str] | None, widths: Mapping[str, int] | None = None) -> Selection:
    """Selects the layers to record.

    Arguments:
        graph: the model's graph.
        layers: names or globs (`layer2.*`; a pattern with brackets is tried literally first). A glob matches operators
            only if it has a `/`. None: the default selection, which `capture/graph/default_layers.py` describes, without layers
            of more than 8,192 neurons.
        widths: number of neurons of each output, by key; where it is missing, it is taken to be the last size.

    Raises:
        ConfigurationError: one of `layers` matches nothing, or no node whose output has an axis of instances.
    """
    view = GraphView(graph, widths)
    if layers is None:
        return _default(view)
    if isinstance(layers, str):
        raise ConfigurationError(
            f"layers must be a list of names or globs; got the text {layers!r}: write [{layers!r}]."
        )
    selected: dict[str, None] = {}
    for pattern in layers:
        selected.update(dict.fromkeys(_matches(view, pattern)))
    if not selected:
        raise ConfigurationError("layers is empty, so nothing would be recorded. Name a layer, or pass None to choose.")
    return Selection(view, [key for key in view.nodes if key in selected], _unrecordable_matches(view, layers))


def of_positions(selection: Selection, keys: Collection[str], widths: Mapping[str, int]) -> Selection:
    """A selection without the layers that have no row per position; the default one is made anew of those that have.

    Arguments:
        selection: what `choose` selected.
        keys: of the outputs that have.
        widths: as for `choose`.

    Raises:
        ConfigurationError: none of them has.
    """
    without = [name for name in selection.names if name not in keys]
    names = [name for name in selection.names if name in keys]
    if without and selection.is_default:
        view = GraphView(selection.view.graph, widths, keys)
        names = default_layers(view) or names
        names = [name for name in names if view.width(name) <= MOST_NEURONS] or names
    if not names:
        raise ConfigurationError(
            f"unit='position': none of the layers has a row for each position; looked at: {', '.join(without[:10])}. Name "
            "layers whose output has the positions of the labels or the input, or leave unit= out."
        )
    shown = ", ".join(without[:10]) + (", …" if len(without) > 10 else "")
    note = (f"Left out, because their outputs have no row for each position: {shown}.",) if without else ()
    return replace(selection, names=names, notes=(*selection.notes, *note))


def matching(graph: schema.Graph, pattern: str) -> list[str]:
    """Keys of the nodes that one name or glob matches, as in `choose`.

    Raises:
        ConfigurationError: there are none.
    """
    return _matches(GraphView(graph), pattern)


def feed_relu(graph: schema.Graph, keys: Iterable[str]) -> set[str]:
    """Those layers whose output goes only into ReLUs, so that a neuron that is never above zero is dead."""
    view = GraphView(graph)
    after: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        after[edge.source].append(edge.target)

    def feeds(key: str) -> bool:
        inside = view.within(key)
        outside = [view.nodes[end] for inner in inside for end in after[inner] if end not in inside]
        return bool(outside) and all(_is_relu(target) for target in outside)

    return {key for key in keys if feeds(key)}


def _default(view: GraphView) -> Selection:
    names = default_layers(view)
    if not names:
        leaves = [key for node in view.nodes.values() for key in view.recordable(node) if not view.is_group(node)]
        names = evenly_spaced(leaves or view.recordable(view.nodes[""]), MOST_LAYERS)
    if not names:
        raise ConfigurationError(
            "No layer of this model has an output with one row per instance, so there is nothing to record. "
            "Check that the first axis of the model's input is the batch. Of a model that processes its instances one by one, "
            "as detectors do with images of different sizes, log a part that takes batches, such as its backbone."
        )
    unseen = [node.key for node in view.nodes.values() if is_unseen(node)]
    hidden = f"The heads of attention cannot be seen in {', '.join(unseen[:10])}{', …' if len(unseen) > 10 else ''}."
    left_out = [hidden] if unseen else []
    own_order = [
        node.key
        for node in view.nodes.values()
        if node.type in _RECURRENT and node.kind == "module" and node.outputs and not view.recordable(node)
    ]
    if own_order:
        left_out.append(
            f"Left out, because the model reorders their sequences, perhaps by length, so that it is unknown which instance "
            f"each is of: {', '.join(own_order[:10])}. With pack_padded_sequence(..., enforce_sorted=False) the order is "
            "torch's, and they are recorded."
        )
    wide = [name for name in names if view.width(name) > MOST_NEURONS]
    if len(wide) == len(names):  # then these are what there is to see
        return Selection(view, names, tuple(left_out), is_default=True)
    if wide:
        shown = ", ".join(f"{name} ({view.width(name):,})" for name in wide)
        left_out.append(
            f"Left out, because they have more than {MOST_NEURONS:,} neurons and layers= does not name them: {shown}."
        )
    return Selection(view, [name for name in names if name not in wide], tuple(left_out), is_default=True)


def _unrecordable_matches(view: GraphView, layers: Sequence[str]) -> tuple[str, ...]:
    """Says which modules a glob matches that did not run or whose outputs have no axis of instances, if any."""
    hits = [
        node.key
        for node in view.nodes.values()
        if node.kind == "module" and not view.recordable(node) and (node.outputs or not view.children[node.key])
        if any(_fits(node, glob) for pattern in layers for glob in (pattern.replace("[", "[[]"), pattern))
    ]
    shown = ", ".join(hits[:10]) + (", …" if len(hits) > 10 else "")
    return (f"Left out, because they did not run or their outputs have no row per instance: {shown}.",) if hits else ()


def _is_relu(node: schema.Node) -> bool:
    return node.type.lower() in _RELU or (
        node.type.lower() == "activation" and node.attributes.get("activation", "").lower() in _RELU
    )


def _matches(view: GraphView, pattern: str) -> list[str]:
    literal = view.nodes.get(pattern) or view.nodes.get(view.keys_by_plain_name.get(pattern, pattern))
    if literal is None and pattern.endswith("[0]"):
        # A layer with one output has no parts, but its first part is still a valid name for it.
        literal = view.nodes.get(pattern[: -len("[0]")])
    if literal is not None:
        keys = view.recordable(literal)
        if not keys:
            raise ConfigurationError(_unrecordable(literal))
        return keys
    for glob in (pattern.replace("[", "[[]"), pattern):
        hits = [
            node
            for node in view.nodes.values()
            if _fits(node, glob) or ("/" in glob and fnmatchcase(view.plain_names.get(node.key, ""), glob))
        ]
        keys = [key for node in hits for key in view.recordable(node)]
        if keys:
            return keys
    raise ConfigurationError(_no_match(view, pattern))


def _fits(node: schema.Node, glob: str) -> bool:
    in_operator = node.kind == "operator" or (node.kind == "output" and "/" in node.key)
    if node.parent is None or (in_operator and "/" not in glob):
        return False
    return fnmatchcase(node.key, glob)


def _unrecordable(node: schema.Node) -> str:
    if node.kind == "input":
        return f"layers: {node.key!r} is an input of the model, not a layer. Name a layer after it."
    if not node.calls:
        return (
            f"layers: {node.key!r} ({node.type}) did not run in the model's forward pass, so it has no activations. "
            "Name the module around it, or leave it out."
        )
    sizes = [shape.sizes for shape in node.outputs] or "no tensor"
    if any(0 in shape.sizes for shape in node.outputs):
        return f"layers: {node.key!r} ({node.type}) gives {sizes}, in which there is no neuron. Leave it out."
    return (
        f"layers: {node.key!r} ({node.type}) gives {sizes}, which has no axis for the instances of a batch, so its "
        "neurons have no activation per instance. Name a layer whose output has one."
    )


def _no_match(view: GraphView, pattern: str) -> str:
    names = [node.key for node in view.nodes.values() if node.parent is not None and node.kind != "input"]
    folded: dict[str, str] = {name.lower(): name for name in names}
    near = [folded[name] for name in difflib.get_close_matches(pattern.lower(), list(folded), n=5, cutoff=0.5)]
    key: Callable[[str], str] = lambda name: re.split(r"[./]", name)[-1]  # noqa: E731
    near += [name for name in names if key(name) == key(pattern) and name not in near][: 5 - len(near)]
    modules = [node.key for node in view.nodes.values() if node.kind == "module" and view.recordable(node)]
    modules = [name for name in modules if name]
    text = f"layers: {pattern!r} matches none of the model's {len(names)} layers."
    if near:
        text += f" Near: {', '.join(near)}."
    if not modules:
        operators = [node.key for node in view.nodes.values() if node.kind == "operator" and view.recordable(node)]
        shown = ", ".join(repr(key) for key in operators[-10:]) or "neither do its operators"
        return text + f" None of its modules gives a row per instance; operators that do: {shown}."
    if len(modules) <= 30:
        return text + f" Modules: {', '.join(modules)}. Operators are named like `module/relu`."
    return text + " layers=['*'] takes every module, and the logger's `layers` then lists the names."
