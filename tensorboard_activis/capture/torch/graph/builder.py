"""Builds the model's graph, node by node and edge by edge, while a forward pass is recorded."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import nn

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.default_layers import is_activation
from tensorboard_activis.capture.torch.graph.call_stack import call_key
from tensorboard_activis.capture.torch.model.modules import module_attributes, type_name
from tensorboard_activis.capture.torch.model.parameters import count_buffers, count_frozen, count_parameters


@dataclass
class DraftNode:
    """A node while the graph is built: its outputs may not be known yet.

    Attributes:
        path, call: of a module's node: the module's path and the index of the call, from 0.
    """

    key: str
    parent: str | None
    kind: str
    type: str
    path: str = ""
    call: int = 0
    outputs: tuple[schema.Shape, ...] = ()


class GraphBuilder:
    """Collects nodes, in the order in which they ran, and edges; `graph` makes a `schema.Graph` of them.

    Arguments:
        paths: path -> module, all modules of the model.
    """

    def __init__(self, paths: Mapping[str, nn.Module]) -> None:
        self._modules_by_path = paths
        self._edges: dict[tuple[str, str], schema.Shape] = {}
        #: By node: its children, its edges, and how many keys with the suffixes `_1`, `_2`, … are taken.
        self._children: dict[str, set[str]] = defaultdict(set)
        self._touching: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self._taken: dict[str, int] = {}
        #: Keys that no other node may have -> the module they are in.
        self._reserved: dict[str, str] = {}
        self._atomic: set[str] = set()
        #: id of a parameter -> path of the first module that has it.
        self._owners: dict[int, str] = {}
        for path, module in paths.items():
            for tensor in module._parameters.values():
                if tensor is not None:
                    self._owners.setdefault(id(tensor), path)
        self.drafts: dict[str, DraftNode] = {"": DraftNode("", None, "module", type_name(paths[""]))}

    def add(self, draft: DraftNode) -> None:
        """Adds a node. If there is a node with this key, such as a container that was added for its children, nothing changes."""
        if self.drafts.setdefault(draft.key, draft) is draft and draft.parent is not None:
            self._children[draft.parent].add(draft.key)

    def add_edge(self, source: str, target: str, shape: schema.Shape) -> None:
        """Adds an edge: data of this shape flows from source to target; none if the source is "", which is no node."""
        if not source:
            return
        self._edges.setdefault((source, target), shape)
        self._touching[source].add((source, target))
        self._touching[target].add((source, target))

    def unused_key(self, key: str) -> str:
        """A key that no node has: this one, or with the suffix `_1`, `_2`, … if it is taken."""
        count = self._taken.get(key, 0)
        unused_key = f"{key}_{count}" if count else key
        while unused_key in self.drafts or unused_key in self._reserved:
            count += 1
            unused_key = f"{key}_{count}"
        self._taken[key] = count
        return unused_key

    def operator_key(self, parent: str, name: str, producers: Iterable[str]) -> str:
        """A key for an operator in the module `parent`: `parent/relu_1`, or `parent.fc1/relu` for an activation after a layer.

        The operators after it are numbered as if it had the first, which `plain_names` gives it.
        """
        key = self.unused_key(f"{parent}/{name}")
        layer = self._followed(parent, producers) if is_activation(name) else None
        if layer is None:
            return key
        self._reserved[key] = parent
        return self.unused_key(f"{layer}/{name}")

    def _followed(self, parent: str, producers: Iterable[str]) -> str | None:
        """The layer that all inputs come from: a module without nodes inside, called in the same module or by way of a list."""
        keys = set(producers)
        draft = self.drafts.get(keys.pop()) if len(keys) == 1 else None
        if draft is None or draft.kind != "module" or self._children[draft.key]:
            return None
        up = draft.parent
        # A list is not called, so it has no outputs.
        while up is not None and up != parent and not self.drafts[up].outputs:
            up = self.drafts[up].parent
        return draft.key if up == parent else None

    def sources(self, key: str, within: str) -> set[str]:
        """Keys of the nodes outside of a module that the data of a node inside come from; of the node itself if it is outside."""
        sources, seen, pending = set(), {key}, [key]
        while pending:
            node = pending.pop()
            edges = self._touching.get(node, ()) if self.is_inside(node, within) else ()
            before = [source for source, target in edges if target == node]
            if not before:
                sources.add(node)
            new = set(before) - seen
            seen |= new
            pending += new
        return sources

    def is_inside(self, key: str, module: str) -> bool:
        """Whether a node is inside of the call of a module."""
        up: str | None = key
        while up is not None and up in self.drafts:
            up = self.drafts[up].parent
            if up == module:
                return True
        return False

    def children(self, key: str) -> set[str]:
        """Keys of the node's children."""
        return set(self._children[key])

    def remove(self, keys: Iterable[str]) -> None:
        """Removes nodes and their edges."""
        for key in keys:
            draft = self.drafts.pop(key, None)
            if draft is not None and draft.parent is not None:
                self._children[draft.parent].discard(key)
                self._reserved = {free: parent for free, parent in self._reserved.items() if parent != draft.parent}
            for ends in self._touching.pop(key, ()):
                self._edges.pop(ends, None)
            self._taken.clear()  # keys are free again

    def mark_as_single_node(self, path: str) -> None:
        """Marks a module as a single node: modules inside it that never ran get no nodes."""
        self._atomic.add(path)

    def graph(self, calls: Mapping[str, int]) -> schema.Graph:
        """The finished graph. Modules that never ran are at its end.

        Arguments:
            calls: how often each module ran.
        """
        ran_inside: Counter[str] = Counter()
        for draft in self.drafts.values():
            if draft.kind == "module" and draft.parent is not None:
                ran_inside[draft.parent] += 1
        silent: dict[str, list[str]] = {}
        for path in self._modules_by_path:
            if path in calls or path in self.drafts:
                continue
            within = next((outer for outer in _outer(path) if outer in self._atomic), None)
            if within is not None:
                silent.setdefault(within, []).append(path[len(within) + 1 :])
            else:
                parent = path.rpartition(".")[0]
                self.add(DraftNode(path, parent, "module", type_name(self._modules_by_path[path]), path))
        nodes = []
        for draft in self.drafts.values():
            count = calls.get(draft.path, 0) or int(ran_inside[draft.key] > 0)
            nodes.append(self._node(draft, count, silent.get(draft.path, [])))
        edges = tuple(schema.Edge(source, target, shape) for (source, target), shape in self._edges.items())
        return schema.Graph("torch", type_name(self._modules_by_path[""]), tuple(nodes), edges)

    def _node(self, draft: DraftNode, calls: int, silent: list[str]) -> schema.Node:
        if draft.kind != "module":
            name = draft.key.removeprefix(draft.parent or "").rpartition("/")[2]
            return schema.Node(draft.key, draft.parent, draft.kind, name, draft.type, draft.outputs)
        module = self._modules_by_path[draft.path]
        attributes = module_attributes(module)
        shared = [self._owners[id(tensor)] for tensor in module._parameters.values() if id(tensor) in self._owners]
        others = sorted({path for path in shared if path != draft.path})
        if others:
            attributes["shared weights"] = f"with {', '.join(others)}"
        for name, count in (("frozen", count_frozen(module)), ("buffers", count_buffers(module))):
            if count:
                attributes[name] = f"{count:,}"
        if silent:
            attributes["never called"] = ", ".join(silent)
        return schema.Node(
            key=draft.key,
            parent=draft.parent,
            kind="module",
            name=call_key(draft.path.rpartition(".")[2], draft.call) or draft.type,
            type=draft.type,
            outputs=draft.outputs,
            parameters=count_parameters(module),
            attributes=attributes,
            call=draft.call,
            calls=calls,
        )


def _outer(path: str) -> Iterable[str]:
    while path:
        path = path.rpartition(".")[0]
        yield path
