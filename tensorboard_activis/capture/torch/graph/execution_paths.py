"""Records the graph again when a forward pass calls other modules: models with data-dependent control flow."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.union import union
from tensorboard_activis.capture.torch.graph.call_stack import CallCounts
from tensorboard_activis.capture.torch.graph.tracer import Tracer

#: Most paths that are recorded: a mixture of experts has more combinations than anybody looks at.
MAX_PATHS = 16


class ExecutionPaths:
    """The graphs of all execution paths that were recorded, and their union.

    Arguments:
        graph: of the first recorded pass.
        calls: of that pass; None if the graph is complete and no other path is to be recorded.

    Attributes:
        graph: the union of the graphs of all recorded passes.
    """

    def __init__(self, graph: schema.Graph, calls: CallCounts | None) -> None:
        self.graph = graph
        self._graphs = [graph]
        self._known_calls: set[CallCounts] = set()
        self._complete = calls is None
        if calls is not None:
            self._remember(calls)

    def _remember(self, calls: CallCounts) -> None:
        self._known_calls |= {calls, CallCounts(calls.modules)}

    def is_new(self, calls: CallCounts) -> bool:
        """Whether a forward pass that made these calls would be recorded: it took another path, and there is room for more."""
        known = self._complete or calls in self._known_calls or len(self._graphs) >= MAX_PATHS
        return not known and not _several_processes()

    def record_if_new(
        self, calls: CallCounts, model: nn.Module, inputs: Callable[[bool], tuple[tuple[Any, ...], dict[str, Any], int]]
    ) -> None:
        """Runs the model once more to record its graph, if a forward pass made other calls than all passes before.

        Arguments:
            calls: of that forward pass.
            model: the user's own model, unwrapped.
            inputs: gives args, kwargs and number of instances of the batch of that pass: of its first few instances if called
                with True. Where these take another path than the batch, the whole batch is recorded.
        """
        if not self.is_new(calls):
            return
        self._remember(calls)
        for shortened in (True, False):
            args, kwargs, instances = inputs(shortened)
            tracer = Tracer(model, instances)
            try:
                graph = tracer.run(args, kwargs).graph
            except Exception:  # it fails on few instances, or memory is short: the graph stays as it is
                continue
            self._add(graph)
            if tracer.calls.modules == calls.modules:
                self._remember(tracer.calls)
                return

    def _add(self, graph: schema.Graph) -> None:
        """Adds a graph to the union, unless its nodes and edges are those of a graph that was added before."""
        structure = _structure(graph)
        if all(_structure(other) != structure for other in self._graphs):
            self._graphs.append(graph)
            self.graph = union(self._graphs)


def _structure(graph: schema.Graph) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    ran = frozenset(node.key for node in graph.nodes if node.calls)
    return ran, frozenset((edge.source, edge.target) for edge in graph.edges)


def _several_processes() -> bool:
    """Whether there are several processes: one alone must not run a model whose shards wait for each other (FSDP)."""
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
