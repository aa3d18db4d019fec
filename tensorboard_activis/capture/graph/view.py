"""A model's graph with indices, for those who look for layers in it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

from tensorboard_activis import schema

#: These list modules; their order is all that they add.
LISTS = {"Sequential", "ModuleList", "ModuleDict", "List"}

#: Of these, those that are no modules that run.
UNCALLED_LISTS = LISTS - {"Sequential"}


def plain_names(nodes: Iterable[schema.Node]) -> dict[str, str]:
    """By key of each operator that is named by the layer it follows, `fc1/relu`: its name by its module alone, `/relu_2`.

    Operators had these names before, and go on to be found by them.
    """
    operators = [node for node in nodes if node.kind == "operator"]
    names, counts = {}, Counter[tuple[str | None, str]]()
    for node in operators:
        count = counts[node.parent, node.type]
        counts[node.parent, node.type] += 1
        names[node.key] = f"{node.parent}/{node.type}" + (f"_{count}" if count else "")
    return {key: name for key, name in names.items() if name not in names}


class GraphView:
    """A graph with its nodes by key, the children of each, and the flow between its operations.

    An *operation* is what a person sees as one: a module that contains no modules, with the operators inside it and the parts of
    its output, or an operator between such modules.

    Arguments:
        graph: the model's.
        widths: number of neurons of each output, by key; where it is missing, it is taken to be the last size.
        among: keys of the outputs that can be recorded; None: of all that have instances.
    """

    def __init__(
        self, graph: schema.Graph, widths: Mapping[str, int] | None = None, among: Collection[str] | None = None
    ) -> None:
        self.graph, self._among = graph, among
        self.nodes = {node.key: node for node in graph.nodes}
        self._edges = graph.edges
        self._widths = widths or {}
        self.children: dict[str, list[schema.Node]] = defaultdict(list)
        for node in graph.nodes:
            if node.parent is not None:
                self.children[node.parent].append(node)

    @cached_property
    def plain_names(self) -> dict[str, str]:
        """See the function `plain_names`."""
        return plain_names(self.nodes.values())

    @cached_property
    def keys_by_plain_name(self) -> dict[str, str]:
        return {name: key for key, name in self.plain_names.items()}

    def parts(self, node: schema.Node) -> list[schema.Node]:
        """The outputs of the node that are nodes themselves (`lstm[0]`)."""
        return [child for child in self.children[node.key] if child.kind == "output" and node.key]

    def with_parts(self, key: str) -> list[str]:
        """The node and the outputs in it that are nodes themselves."""
        return [key, *(part.key for part in self.parts(self.nodes[key]))]

    def modules(self, key: str) -> list[schema.Node]:
        """The modules in a module that ran."""
        return [child for child in self.children[key] if child.kind == "module" and child.calls]

    def is_composite(self, node: schema.Node) -> bool:
        """Whether it is a module that contains modules."""
        return node.kind == "module" and bool(node.calls) and bool(self.modules(node.key))

    def is_group(self, node: schema.Node) -> bool:
        """Whether the node contains modules or operators."""
        return any(child.kind != "output" and child.calls for child in self.children[node.key])

    def recordable(self, node: schema.Node) -> list[str]:
        """Keys under which the node's output is recorded: its own, that of its first part with an axis of instances, or none."""
        if node.kind == "input" or not node.calls or (node.kind == "output" and node.parent == ""):
            return []
        if not node.key and len(node.outputs) != 1:  # each of several is recorded as that of the layer that gives it
            return []
        parts = [] if node.kind == "operator" else self.parts(node)  # heads are recorded, and what is in them as well
        for candidate in parts or [node]:
            among = self._among is None or candidate.key in self._among
            if among and candidate.outputs and _has_instances(candidate.outputs[0]):
                return [candidate.key]
        return []

    def width(self, key: str) -> int:
        """Number of neurons of an output; 0 if it is not known."""
        if key in self._widths:
            return self._widths[key]
        outputs = self.nodes[key].outputs
        return outputs[0].sizes[-1] if outputs and len(outputs[0].sizes) > 1 else 1

    def within(self, key: str) -> set[str]:
        """Keys of the node and of everything inside it."""
        keys = {key}
        pending = [key]
        while pending:
            inner = [child.key for child in self.children[pending.pop()]]
            keys.update(inner)
            pending += inner
        return keys

    def above(self, key: str) -> Iterable[str]:
        """Keys of the modules around a node, the innermost first."""
        parent = self.nodes[key].parent
        while parent is not None:
            yield parent
            parent = self.nodes[parent].parent

    def owner(self, key: str) -> str:
        """Key of the module around a node that is no list."""
        return next((up for up in self.above(key) if self.nodes[up].type not in LISTS), "")

    def operation(self, key: str) -> str:
        """Key of the operation that a node belongs to."""
        parent = self.nodes[key].parent
        inside = parent and self.nodes[key].kind != "module" and not self.modules(parent)
        return self.operation(parent) if parent and inside else key

    @cached_property
    def before(self) -> Mapping[str, list[str]]:
        """By operation, those that its inputs come from."""
        return _listed((self.operation(edge.target), self.operation(edge.source)) for edge in self._edges)

    @cached_property
    def after(self) -> Mapping[str, list[str]]:
        """By operation, those that its output goes to."""
        return _listed((self.operation(edge.source), self.operation(edge.target)) for edge in self._edges)

    @cached_property
    def depending(self) -> set[str]:
        """Keys of the nodes with something in them that depends on the model's input; of all nodes, if the graph lacks the flow."""
        inputs = [node.key for node in self.nodes.values() if node.kind == "input"]
        reached = self.reached(inputs)
        if not any(node.kind == "output" and node.parent == "" and node.key in reached for node in self.nodes.values()):
            return set(self.nodes)
        keys = {key for key in self.nodes if self.operation(key) in reached}
        return keys | {up for key in keys for up in self.above(key)}

    def bottlenecks(self, end: str) -> list[str]:
        """Keys of the operations that all data flow through from the inputs to this one, in the order in which they run."""
        inputs = {node.key for node in self.nodes.values() if node.kind == "input"}
        before, pending = {end}, [end]
        while pending:
            new = [source for source in self.before.get(pending.pop(), ()) if source not in before]
            before.update(new)
            pending += new
        order = [key for key in self.nodes if key in before & self.reached(inputs) and key not in inputs]
        position = {key: index for index, key in enumerate(order)}

        def target(key: str) -> int:
            return max((position.get(end, -1) for end in self.after.get(key, ())), default=-1)

        result, farthest = [], max(map(target, inputs), default=-1)
        for index, key in enumerate(order):
            if farthest <= index:  # nothing that runs before leads to what runs behind
                result.append(key)
            farthest = max(farthest, target(key))
        return result

    def reached(self, starts: Iterable[str], *, inside: set[str] | None = None) -> set[str]:
        """Keys of the operations that data from these flow to, those included.

        Arguments:
            inside: look at these alone.
        """
        operations = set(starts)
        pending = list(operations)
        while pending:
            for end in self.after.get(pending.pop(), ()):
                if end not in operations and (inside is None or end in inside):
                    operations.add(end)
                    pending.append(end)
        return operations


def _has_instances(shape: schema.Shape) -> bool:
    return -1 in shape.sizes and 0 not in shape.sizes


def _listed(pairs: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    """By first, the seconds, each once."""
    result: dict[str, dict[str, None]] = {}
    for first, second in pairs:
        if first != second:
            result.setdefault(first, {})[second] = None
    return {first: list(seconds) for first, seconds in result.items()}
