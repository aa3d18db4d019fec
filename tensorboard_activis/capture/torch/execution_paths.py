"""Models that do not take the same path each time: their graph is recorded again when a forward pass makes other calls."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tensorboard_activis import schema
from tensorboard_activis.capture.torch.call_stack import CallCounts
from tensorboard_activis.capture.torch.graph import Tracer
from tensorboard_activis.capture.union import union

#: So many paths are recorded at most: with experts there are more combinations than anybody looks at.
MAX_PATHS = 16


class ExecutionPaths:
    """The paths that were seen.

    Arguments:
        graph: of the first pass that was recorded.
        calls: what that pass called; None if the graph is whole as it is, and no path is to be followed.

    Attributes:
        graph: what all passes that were recorded have in common and do not.
    """

    def __init__(self, graph: schema.Graph, calls: CallCounts | None) -> None:
        self.graph = graph
        self._graphs = [graph]
        self._seen: set[CallCounts] = set()
        self._closed = calls is None
        if calls is not None:
            self._note(calls)

    def _note(self, calls: CallCounts) -> None:
        self._seen |= {calls, CallCounts(calls.modules)}

    def follow(
        self, calls: CallCounts, model: nn.Module, inputs: Callable[[bool], tuple[tuple[Any, ...], dict[str, Any], int]]
    ) -> None:
        """Takes note of a forward pass, and runs the model once more to record its graph if it made calls unlike all before.

        Arguments:
            calls: what it called.
            model: the user's own.
            inputs: args, kwargs and the number of instances of the batch that it ran on: of a few instances of it if True
                is given. These take another path where it is the batch that decides; then all of it is recorded.
        """
        if self._closed or calls in self._seen or len(self._graphs) >= MAX_PATHS or _several_processes():
            return
        self._note(calls)
        for few in (True, False):
            args, kwargs, instances = inputs(few)
            tracer = Tracer(model, instances)
            try:
                graph = tracer.run(args, kwargs).graph
            except (
                Exception
            ):  # a model that cannot do with few, or no memory for so much: the graph is as good as before
                continue
            self._add(graph)
            if tracer.calls.modules == calls.modules:
                self._note(tracer.calls)
                return

    def _add(self, graph: schema.Graph) -> None:
        """A graph that has nothing that is new, and lacks nothing, is no path of its own."""
        shape = _shape(graph)
        if all(_shape(known) != shape for known in self._graphs):
            self._graphs.append(graph)
            self.graph = union(self._graphs)


def _shape(graph: schema.Graph) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    ran = frozenset(node.key for node in graph.nodes if node.calls)
    return ran, frozenset((edge.source, edge.target) for edge in graph.edges)


def _several_processes() -> bool:
    """One process alone must not run a model whose parts wait for each other (FSDP)."""
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
