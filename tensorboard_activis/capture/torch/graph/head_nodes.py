"""Adds the heads of attention to a graph: nodes of their own below the module that computes it, and layers to record."""

from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import torch

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.heads import CROSS_FIGURES, FIGURES, heads_type
from tensorboard_activis.capture.torch.attention.calls import AttentionCall
from tensorboard_activis.capture.torch.attention.figures import Heads
from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.graph.builder import DraftNode, GraphBuilder
from tensorboard_activis.capture.torch.graph.call_stack import CallStack, Frame
from tensorboard_activis.capture.torch.graph.layer_outputs import HEADS, LayerOutput, TensorLocation
from tensorboard_activis.capture.torch.graph.tracked import SeenHeads, TrackedTensors
from tensorboard_activis.capture.torch.model.modules import TensorOrPacked


class HeadNodes:
    """The nodes of heads in the graph that a forward pass builds.

    Arguments:
        builder, stack, tracked, outputs: of the pass that is recorded.
        instances: in the input.
        on_output, mask: as in `Tracer`.
    """

    def __init__(
        self,
        builder: GraphBuilder,
        stack: CallStack,
        tracked: TrackedTensors,
        outputs: MutableMapping[str, LayerOutput],
        instances: int,
        on_output: Callable[[str, TensorOrPacked, Axes], None] | None,
        mask: torch.Tensor | None,
    ) -> None:
        self._builder, self._stack, self._tracked, self._outputs = builder, stack, tracked, outputs
        self._instances, self._on_output, self._mask = instances, on_output, mask

    def seen(self, attention: AttentionCall, frame: Frame, name: str, args: Sequence[Any]) -> SeenHeads | None:
        """The heads of an attention that ran in a module's call; None if they are not of one instance each.

        Arguments:
            name, args: of the operator that completed it.
        """
        ordinal = frame.operators[HEADS]
        frame.operators[HEADS] += 1
        heads = Heads.of(attention, self._instances)
        if heads is None:
            return None
        # Queries and keys; of the operator that makes them itself, what they are made of.
        whole = name == "multi_head_attention_forward"
        ends = args[:2] if whole else (attention.query, attention.key)
        tracked = [self._tracked.get(each) for each in ends if isinstance(each, torch.Tensor)]
        made = [each.producer for each in tracked if each is not None]
        around = [up.key for up in reversed(self._stack.frames)]
        scope = next((up for up in around if all(self._builder.is_inside(each, up) for each in made)), frame.key)
        sources = [self._builder.sources(each, frame.key if whole else scope) for each in made]
        # What does not depend on the data, as learned queries, is not tracked.
        cross = (len(tracked), len(made)) == (2, 1) or (len(made) == 2 and not sources[0] & sources[1])
        return SeenHeads(heads, frame, ordinal, cross)

    def add(self, seen: SeenHeads) -> str:
        """Adds a node for the heads of an attention, and nodes inside for what is recorded of them; returns its key."""
        frame, heads = seen.frame, seen.heads
        key = self._builder.unused_key(f"{frame.key}/{HEADS}")
        # Where fewer positions are looked at than look, as in a coarser map, none is the same or the one before.
        figures = CROSS_FIGURES if seen.cross or heads.sizes[2] > heads.sizes[3] else FIGURES
        rows = {} if self._on_output is None else {"": heads.norms(), **heads.looks(figures, self._mask)}
        shape = (self._instances, heads.count, *heads.output.shape[2:])
        for figure, sizes in {"": shape, **dict.fromkeys(figures, shape[:3])}.items():
            name = f"{key}[{figure}]" if figure else key
            outputs = (schema.Shape((-1, *sizes[1:]), "float32"),)
            if figure:
                self._builder.add(DraftNode(name, key, "output", figure, outputs=outputs))
            else:
                kind = heads_type(heads.count, cross=seen.cross)
                self._builder.add(DraftNode(name, frame.key, "operator", kind, outputs=outputs))
            location = TensorLocation(frame.path, frame.call, figure, HEADS, seen.ordinal)
            self._outputs[name] = LayerOutput(location, shape[:3], Axes(0, 1), self._instances)
            if self._on_output is not None:
                self._on_output(name, rows[figure], Axes(0, 1))
        return key
