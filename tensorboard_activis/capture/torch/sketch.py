"""A graph while it is being recorded."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import nn

from tensorboard_activis import schema
from tensorboard_activis.capture.torch.calls import key_of
from tensorboard_activis.capture.torch.modules import (
    count_buffers,
    count_frozen,
    count_parameters,
    describe,
    type_name,
)


@dataclass
class Draft:
    """A node whose outputs are not known yet. `path` and `call` say which call of which module it is, if it is one."""

    key: str
    parent: str | None
    kind: str
    type: str
    path: str = ""
    call: int = 0
    outputs: tuple[schema.Shape, ...] = ()


class Sketch:
    """Nodes in the order in which they ran, and edges."""

    def __init__(self, paths: Mapping[str, nn.Module]) -> None:
        self._paths = paths
        self._edges: dict[tuple[str, str], schema.Shape] = {}
        #: By node: the keys right inside it, the ends of its edges, and how many keys with `_1`, `_2`, … are taken.
        self._children: dict[str, set[str]] = defaultdict(set)
        self._touching: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self._taken: dict[str, int] = {}
        self._atomic: set[str] = set()
        #: Parameter -> the first module that holds it.
        self._owners: dict[int, str] = {}
        for path, module in paths.items():
            for tensor in module._parameters.values():
                if tensor is not None:
                    self._owners.setdefault(id(tensor), path)
        self.drafts: dict[str, Draft] = {"": Draft("", None, "module", type_name(paths[""]))}

    def add(self, draft: Draft) -> None:
        """A node; one that is there already (a module that holds the others before it runs) stays where it is."""
        if self.drafts.setdefault(draft.key, draft) is draft and draft.parent is not None:
            self._children[draft.parent].add(draft.key)

    def add_edge(self, source: str, target: str, shape: schema.Shape) -> None:
        """Data flows."""
        self._edges.setdefault((source, target), shape)
        self._touching[source].add((source, target))
        self._touching[target].add((source, target))

    def unused(self, key: str) -> str:
        """The key, or with `_1`, `_2`, … where it is taken."""
        count = self._taken.get(key, 0)
        unused = f"{key}_{count}" if count else key
        while unused in self.drafts:
            count += 1
            unused = f"{key}_{count}"
        self._taken[key] = count
        return unused

    def inside(self, key: str) -> set[str]:
        """Keys of the nodes right inside this one."""
        return set(self._children[key])

    def close(self, keys: Iterable[str]) -> None:
        """Forget nodes, and their edges."""
        for key in keys:
            draft = self.drafts.pop(key, None)
            if draft is not None and draft.parent is not None:
                self._children[draft.parent].discard(key)
            for ends in self._touching.pop(key, ()):
                self._edges.pop(ends, None)
            self._taken.clear()  # keys are free again

    def seal(self, path: str) -> None:
        """This module is one node: modules inside it that do not run are not shown."""
        self._atomic.add(path)

    def graph(self, calls: Mapping[str, int]) -> schema.Graph:
        """The graph, with the modules that never ran at the end.

        Arguments:
            calls: how often each module ran.
        """
        ran_inside: Counter[str] = Counter()
        for draft in self.drafts.values():
            if draft.kind == "module" and draft.parent is not None:
                ran_inside[draft.parent] += 1
        silent: dict[str, list[str]] = {}
        for path in self._paths:
            if path in calls or path in self.drafts:
                continue
            within = next((outer for outer in _outer(path) if outer in self._atomic), None)
            if within is not None:
                silent.setdefault(within, []).append(path[len(within) + 1 :])
            else:
                parent = path.rpartition(".")[0]
                self.add(Draft(path, parent, "module", type_name(self._paths[path]), path))
        nodes = []
        for draft in self.drafts.values():
            count = calls.get(draft.path, 0) or int(ran_inside[draft.key] > 0)
            nodes.append(self._node(draft, count, silent.get(draft.path, [])))
        edges = tuple(schema.Edge(source, target, shape) for (source, target), shape in self._edges.items())
        return schema.Graph("torch", type_name(self._paths[""]), tuple(nodes), edges)

    def _node(self, draft: Draft, calls: int, silent: list[str]) -> schema.Node:
        if draft.kind != "module":
            inner = draft.key.removeprefix(draft.parent or "")
            return schema.Node(draft.key, draft.parent, draft.kind, inner.lstrip("/"), draft.type, draft.outputs)
        module = self._paths[draft.path]
        attributes = describe(module)
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
            name=key_of(draft.path.rpartition(".")[2], draft.call) or draft.type,
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
