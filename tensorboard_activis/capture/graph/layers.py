"""Selects the layers to record: those that match `layers=`, or a default selection. Works on any framework's graph."""

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from tensorboard_activis import schema
from tensorboard_activis.errors import ConfigurationError

#: The most layers that the default selection has. `layers=` has no limit.
MOST_LAYERS = 40

#: So many siblings of one type count as repeated blocks, even outside of a ModuleList or Sequential.
MIN_SIBLINGS = 4

_CONTAINERS = {"Sequential", "ModuleList", "List"}
_ACTIVATION = re.compile(
    r"(activation|relu|relu6|leakyrelu|prelu|rrelu|elu|celu|selu|gelu|silu|swish|mish|hardswish|hardtanh|tanh|sigmoid"
    r"|hardsigmoid|logsigmoid|softplus|softsign|threshold|glu)$"
)
_WEIGHTED = re.compile(
    r"((separable|depthwise|lazy|quantized)*conv(1d|2d|3d|lstm)?(transpose)?(1d|2d|3d)?"
    r"|linear|lineargeneral|lazylinear|nondynamicallyquantizablelinear|bilinear|dense|einsumdense"
    r"|lstm|gru|rnn|simplernn|bidirectional|embed|embedding|embeddingbag|multiheadattention|groupqueryattention|attention)$"
)
_DENSE = re.compile(r"(lazy)?(linear|dense)$")
_RELU = {"relu", "relu6"}
_AFTER_LOGITS = {
    "flatten",
    "squeeze",
    "softmax",
    "log_softmax",
    "logsoftmax",
    "softmin",
    "sigmoid",
    "logsigmoid",
    "activation",
}


def choose(graph: schema.Graph, layers: Sequence[str] | None) -> list[str]:
    """Keys of the nodes to record, in the order in which they run.

    Arguments:
        graph: the model's graph.
        layers: names or globs (`layer2.*`; a pattern with brackets is tried literally first). A glob matches operators
            only if it has a `/`. None: the default selection, which is the logits, the outputs of repeated blocks,
            activations outside of these, and the layers with weights where a module has no activations of its own.

    Raises:
        ConfigurationError: one of `layers` matches nothing, or no node whose output has an axis of instances.
    """
    view = _View(graph)
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
    return [key for key in view.nodes if key in selected]


def unrecordable(graph: schema.Graph, layers: Sequence[str] | None) -> list[str]:
    """Keys of modules that a glob of `layers` matches, but that did not run or whose outputs have no axis of instances."""
    view = _View(graph)
    hits = [
        node
        for node in view.nodes.values()
        if node.kind == "module" and not view.recordable(node) and (node.outputs or not view.children[node.key])
        if any(_fits(node, glob) for pattern in layers or () for glob in (pattern.replace("[", "[[]"), pattern))
    ]
    return [node.key for node in hits]


def matching(graph: schema.Graph, pattern: str) -> list[str]:
    """Keys of the nodes that one name or glob matches, as in `choose`.

    Raises:
        ConfigurationError: there are none.
    """
    return _matches(_View(graph), pattern)


def feed_relu(graph: schema.Graph, keys: Iterable[str]) -> set[str]:
    """Those layers whose output goes only into ReLUs, so that a neuron that is never above zero is dead."""
    view = _View(graph)

    def feeds(key: str) -> bool:
        inside = view.within(key)
        outside = [view.nodes[end] for inner in inside for end in view.after[inner] if end not in inside]
        return bool(outside) and all(_is_relu(target) for target in outside)

    return {key for key in keys if feeds(key)}


class _View:
    """A graph with indices: nodes by key, children, predecessors and successors of each node."""

    def __init__(self, graph: schema.Graph) -> None:
        self.nodes = {node.key: node for node in graph.nodes}
        self.before: dict[str, list[str]] = defaultdict(list)
        self.after: dict[str, list[str]] = defaultdict(list)
        for edge in graph.edges:
            self.before[edge.target].append(edge.source)
            self.after[edge.source].append(edge.target)
        self.children: dict[str, list[schema.Node]] = defaultdict(list)
        for node in graph.nodes:
            if node.parent is not None:
                self.children[node.parent].append(node)

    def parts(self, node: schema.Node) -> list[schema.Node]:
        """The outputs of the node that are nodes themselves (`lstm[0]`)."""
        return [child for child in self.children[node.key] if child.kind == "output" and node.key]

    def is_group(self, node: schema.Node) -> bool:
        """Whether the node contains modules or operators."""
        return any(child.kind != "output" and child.calls for child in self.children[node.key])

    def recordable(self, node: schema.Node) -> list[str]:
        """Keys under which the node's output is recorded: its own, that of its first part with an axis of instances, or none."""
        if node.kind == "input" or not node.calls or (node.kind == "output" and node.parent == ""):
            return []
        for candidate in self.parts(node) or [node]:
            if candidate.outputs and _has_instances(candidate.outputs[0]):
                return [candidate.key]
        return []

    def within(self, key: str) -> set[str]:
        """Keys of the node and of everything inside it."""
        keys = {key}
        pending = [key]
        while pending:
            inner = [child.key for child in self.children[pending.pop()]]
            keys.update(inner)
            pending += inner
        return keys


def _has_instances(shape: schema.Shape) -> bool:
    return -1 in shape.sizes and 0 not in shape.sizes


def _default(view: _View) -> list[str]:
    logits = _logits(view)
    blocks = _blocks(view)
    covered = set().union(*(view.within(key) for key in blocks)) if blocks else set()
    chosen = [*blocks]
    scopes: dict[str, list[schema.Node]] = defaultdict(list)
    for node in view.nodes.values():
        if node.kind == "module" and node.key not in covered and not view.is_group(node) and node.parent is not None:
            scopes[_scope(view, node)].append(node)
    for inside in scopes.values():
        activations = [node for node in inside if _is_activation(node)]
        weighted = [node for node in inside if _WEIGHTED.match(node.type.lower())]
        chosen += [_dense_before(view, node) for node in activations] or [node.key for node in weighted]
    keys = {key for name in chosen for key in view.recordable(view.nodes[name])}
    others = [key for key in view.nodes if key in keys and key not in logits]
    final = [key for key in view.nodes if key in logits]
    others = _evenly_spaced(others, MOST_LAYERS - len(final))
    everything = {*others, *final}
    if everything:
        return [key for key in view.nodes if key in everything]
    fallback = [key for node in view.nodes.values() for key in view.recordable(node) if not view.is_group(node)]
    fallback = _evenly_spaced(fallback or view.recordable(view.nodes[""]), MOST_LAYERS)
    if not fallback:
        raise ConfigurationError(
            "No layer of this model has an output with one row per instance, so there is nothing to record. "
            "Check that the first axis of the model's input is the batch."
        )
    return fallback


def _dense_before(view: _View, activation: schema.Node) -> str:
    """The dense layer before an activation, if there is one, because users know that by its name; else the activation."""
    for key in view.before[activation.key]:
        source = view.nodes[key]
        if source.parent == activation.parent and source.kind == "module" and _DENSE.match(source.type.lower()):
            return source.key
    return activation.key


def _scope(view: _View, node: schema.Node) -> str:
    """The module around a node, without containers, which only list modules."""
    parent = view.nodes[node.parent or ""]
    while parent.type in _CONTAINERS and parent.parent is not None:
        parent = view.nodes[parent.parent]
    return parent.key


def _logits(view: _View) -> set[str]:
    """The layers that give the model's outputs, before a softmax if there is one."""
    before = view.before
    ends = [node.key for node in view.nodes.values() if node.kind == "output" and node.parent == ""]
    named = [end for end in ends if "logits" in end]
    sources = []
    for end in named or ends[:1]:
        for source in before[end]:
            while view.nodes[source].type.lower() in _AFTER_LOGITS and len(before[source]) == 1:
                source = before[source][0]
            if view.nodes[source].kind != "input":
                sources.append(source)
    return {key for name in sources for key in view.recordable(view.nodes[name])}


def _blocks(view: _View) -> list[str]:
    """Repeated blocks: modules that contain modules, in a list of modules of their type or with many such siblings.

    Only the outermost; of nested lists, the inner lists are the blocks.
    """
    groups = [
        node
        for node in view.nodes.values()
        if node.kind == "module" and node.calls and view.is_group(node) and node.parent is not None
    ]
    listed = [node for node in groups if view.nodes[node.parent or ""].type in _CONTAINERS]
    count = Counter(node.type for node in listed)
    repeated = {node.key for node in listed if count[node.type] > 1}
    beside = Counter((node.parent, node.type) for node in groups)
    repeated |= {
        node.key for node in groups if beside[node.parent, node.type] >= MIN_SIBLINGS and node.type not in _CONTAINERS
    }
    outer_lists = {
        key
        for key in repeated
        if view.nodes[key].type in _CONTAINERS and any(child.key in repeated for child in view.children[key])
    }
    repeated -= outer_lists
    return [key for key in view.nodes if key in repeated and not any(up in repeated for up in _above(view, key))]


def _above(view: _View, key: str) -> Iterable[str]:
    parent = view.nodes[key].parent
    while parent is not None:
        yield parent
        parent = view.nodes[parent].parent


def _is_activation(node: schema.Node) -> bool:
    own = node.attributes.get("activation", "linear").lower()
    return _ACTIVATION.match(node.type.lower()) is not None or own not in ("linear", "none")


def _is_relu(node: schema.Node) -> bool:
    return node.type.lower() in _RELU or (
        node.type.lower() == "activation" and node.attributes.get("activation", "").lower() in _RELU
    )


def _evenly_spaced(keys: list[str], most: int) -> list[str]:
    """At most this many keys, evenly spaced, including the first and the last."""
    if len(keys) <= most:
        return keys
    return [keys[round(index * (len(keys) - 1) / (most - 1))] for index in range(most)]


def _matches(view: _View, pattern: str) -> list[str]:
    literal = view.nodes.get(pattern)
    if literal is None and pattern.endswith("[0]"):
        # A layer with one output has no parts, but its first part is still a valid name for it.
        literal = view.nodes.get(pattern[: -len("[0]")])
    if literal is not None:
        keys = view.recordable(literal)
        if not keys:
            raise ConfigurationError(_unrecordable(literal))
        return keys
    for glob in (pattern.replace("[", "[[]"), pattern):
        hits = [node for node in view.nodes.values() if _fits(node, glob)]
        keys = [key for node in hits for key in view.recordable(node)]
        if keys:
            return keys
    raise ConfigurationError(_no_match(view, pattern))


def _fits(node: schema.Node, glob: str) -> bool:
    if node.parent is None or (node.kind == "operator" and "/" not in glob):
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


def _no_match(view: _View, pattern: str) -> str:
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
