"""Runs what a model computes of its last block's output on the output of every block, inside the compiled forward pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops
from keras.src.backend import get_keras_mask, set_keras_mask

from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.keras.data.outputs import output_arrays
from tensorboard_activis.capture.keras.model import calls as keras_calls

#: What is asked of tokens, int32 [instances]: the position of each instance that its logits are read of.
PLACES = "places"


@dataclass
class Tail:
    """What a model computes of its last block's output.

    Attributes:
        run: a function of the model's inputs and a block's output that gives the model's outputs.
        keys: of the calls that give the blocks' outputs; the last one's comes last.
        problem: why it cannot be run on a block's output, as part of a sentence; "" if it can.
        whole: whether it takes all positions; False where one is enough, as of a language model; None: not known yet.
    """

    run: Callable[[Any, Any], Any]
    keys: Sequence[str]
    problem: str = ""
    whole: bool | None = None


class BlockOutputs:
    """Keeps the outputs of the blocks of one forward pass, and reads the model's outputs after each.

    Arguments:
        tail: of the model.
    """

    def __init__(self, tail: Tail) -> None:
        self._keys, self._tail = tail.keys, tail
        self._outputs: dict[str, Any] = {}

    def ended(self, key: str, outputs: Any) -> None:
        """To be called after each call in the pass."""
        if key in self._keys:
            self._outputs[key] = outputs

    def read(self, inputs: Any, places: Any) -> dict[str, Any]:
        """What the model says after each block.

        Arguments:
            inputs: of the pass.
            places: of which position of each instance, int32 [instances]; for outputs that have positions.

        Returns:
            By key path of the output float32 [instances, blocks, classes]; empty where a block did not run.
        """
        try:
            return self._read(inputs, places)
        except Exception as error:  # whatever the user's code raises; the pass itself has been made
            text = " ".join(str(error).split())
            self._tail.problem = f"{type(error).__name__} came up when they were computed again: {text:.200}"
            return {}

    def _read(self, inputs: Any, places: Any) -> dict[str, Any]:
        if any(key not in self._outputs for key in self._keys):
            return {}
        rows = [self._outputs[key] for key in self._keys]
        mask = get_keras_mask(rows[-1])
        found: dict[str, list[Any]] = {}
        for row in rows:
            for path, logits in self._logits(inputs, row, mask, places):
                found.setdefault(path, []).append(ops.cast(logits, "float32"))
        return {path: ops.stack(each, axis=1) for path, each in found.items()}

    def _logits(self, inputs: Any, row: Any, mask: Any, places: Any) -> Sequence[tuple[str, Any]]:
        """Outputs [instances, classes] of those that have an axis of classes, by key path."""
        if len(row.shape) == 3:
            index = ops.cast(places, "int32")[:, None, None]
            single = ops.take_along_axis(
                row, ops.broadcast_to(index, (ops.shape(row)[0], 1, ops.shape(row)[2])), axis=1
            )
            try:
                outputs = [] if self._tail.whole else output_arrays(self._tail.run(inputs, single))
                if outputs and all(len(each.shape) == 3 and each.shape[1] in (1, None) for _, each in outputs):
                    self._tail.whole = False
                    return [(path, each[:, 0]) for path, each in outputs]
            except Exception:  # it takes as many positions as the model does
                pass
            self._tail.whole = True
        copy = ops.multiply(row, 1)
        if mask is not None:
            set_keras_mask(copy, mask)
        result = []
        for path, each in output_arrays(self._tail.run(inputs, copy)):
            if len(each.shape) == 3:
                index = ops.cast(places, "int32")[:, None, None]
                index = ops.broadcast_to(index, (ops.shape(each)[0], 1, ops.shape(each)[2]))
                each = ops.take_along_axis(each, index, axis=1)[:, 0]
            if len(each.shape) == 2:
                result.append((path, each))
        return result


def tail_of(model: Any, keys: Sequence[str]) -> Tail:
    """What a model computes of the output of the last of these calls.

    The part of a functional model behind the last block is run by itself. Another model is run again, in which blocks compute
    nothing and give this output; what it computes before them is not needed, so that compilers leave it out.
    """
    function = _functional_tail(model, keys[-1])
    if function is not None:
        return Tail(lambda inputs, row: function(row), keys)

    def instead(call: keras_calls.Call) -> tuple[Any] | None:
        return (current[-1],) if call.key in keys else None

    current: list[Any] = []

    def run(inputs: Any, row: Any) -> Any:
        current.append(row)
        try:
            contexts = keras_calls.intercepted(model, lambda *ended: None, instead=instead)
            return within(lambda: model(inputs, training=False), contexts)
        finally:
            current.pop()

    return Tail(run, keys)


def _functional_tail(model: Any, last: str) -> Any | None:
    graph = keras_calls.functional_graph(model)
    name, _, number = last.partition("@")
    operation = None if graph is None else next((each for each in graph.operations if each.name == name), None)
    if operation is None or graph is None:
        return None
    nodes = [node for node in operation._inbound_nodes if node in graph._nodes]
    node = nodes[int(number or 0)] if int(number or 0) < len(nodes) else None
    if node is None or len(node.output_tensors) != 1:
        return None
    try:
        return keras.Function(node.output_tensors[0], graph._outputs_struct)
    except Exception:  # the outputs need more than this
        return None
