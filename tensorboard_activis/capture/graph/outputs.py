"""Where the model's outputs come from, as its graph shows it."""

from collections import defaultdict

from tensorboard_activis.schema import Graph

_OUTPUT = "/output"


class OutputFlow:
    """The outputs of a model in its graph, by their key paths, such as "[1]" or "[logits]"; "" for a single one.

    Arguments:
        graph: of the model; None if the outputs are not those of its graph, of which then nothing is known.

    Attributes:
        input_shapes: of the model's inputs of real numbers, without their axis of instances.
    """

    def __init__(self, graph: Graph | None) -> None:
        graph = graph or Graph("", "", (), ())
        self._keys = {node.key for node in graph.nodes if node.kind == "output" and node.key.startswith(_OUTPUT)}
        inputs = [node.outputs[0] for node in graph.nodes if node.kind == "input" and node.outputs]
        numbers = [shape.sizes for shape in inputs if "float" in shape.dtype]
        self.input_shapes = {tuple(size for size in sizes if size != -1) for sizes in numbers}
        self._sources: dict[str, set[str]] = defaultdict(set)
        self._axes: dict[str, int] = {}
        for edge in graph.edges:
            self._sources[edge.target].add(edge.source)
            sizes = () if edge.shape is None else edge.shape.sizes
            if edge.target in self._keys and list(sizes).count(-1) == 1:
                self._axes[edge.target] = sizes.index(-1)

    def node(self, path: str) -> str | None:
        """Key of the output's node, which for a single output is `/output` whatever its path; None if there is none."""
        key = _OUTPUT if self._keys == {_OUTPUT} else _OUTPUT + path
        return key if key in self._keys else None

    def axis(self, path: str) -> int:
        """The axis of the instances; 0 if the graph does not show it."""
        return self._axes.get(self.node(path) or "", 0)

    def feeds(self, path: str, other: str) -> bool:
        """Whether another output is computed from this one."""
        own, target = (self._sources.get(self.node(each) or "", set()) for each in (path, other))
        if not own or own & target:
            return False
        before, pending = set(target), list(target)
        while pending:
            new = self._sources.get(pending.pop(), set()) - before
            before |= new
            pending += new
        return own <= before
