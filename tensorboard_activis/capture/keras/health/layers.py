"""Which layers of a Keras model are measured in training, and which of them choose among experts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from tensorboard_activis.capture.health import MOST_LAYERS
from tensorboard_activis.capture.keras.model.calls import is_container, sublayers
from tensorboard_activis.capture.routers import COUNTS, expert_count, is_named_router, whole


@dataclass(frozen=True)
class MeasuredLayer:
    """A layer with weights of its own.

    Attributes:
        name: its path, as in the graph: `block.dense`.
        layer: with `call`.
        variables: those that are trained, each in one layer only.
        experts, chosen: of a router of a mixture of experts; 0 for other layers.
    """

    name: str
    layer: Any
    variables: tuple[Any, ...]
    experts: int = 0
    chosen: int = 0


def measured_layers(model: keras.Model) -> list[MeasuredLayer]:
    """The first `MOST_LAYERS`, inner before outer. A layer of Keras's own is one, whatever it is made of, as in the graph."""
    found: list[MeasuredLayer] = []
    taken = set[int]()
    names = set[str]()
    for path, layer, parent in _leaves(model, ""):
        inner = sublayers(layer) if is_container(layer) else []
        within = {id(variable) for each in inner for variable in each.variables}
        own = [one for one in layer.variables if id(one) not in within and _is_float(one)]
        if not own or len(found) == MOST_LAYERS:
            continue
        trained = tuple(one for one in own if one.trainable and layer.trainable and id(one) not in taken)
        taken |= {id(one) for one in trained}
        name, suffix = path, 0
        while name in names:
            suffix += 1
            name = f"{path}_{suffix}"
        names.add(name)
        experts, chosen = _router(layer, parent)
        found.append(MeasuredLayer(name, layer, trained, experts, chosen))
    return found


def _leaves(container: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Paths, layers, and what contains them: layers without parts, and containers behind what they contain, each once."""
    seen = set[int]()

    def visit(outer: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
        for layer in sublayers(outer):
            if id(layer) in seen or isinstance(layer, keras.layers.InputLayer):
                continue
            seen.add(id(layer))
            own = f"{path}.{layer.name}" if path else layer.name
            if is_container(layer):
                yield from visit(layer, own)
            yield own, layer, outer

    yield from visit(container, path)


def _is_float(variable: Any) -> bool:
    """Not the state of random numbers."""
    return str(keras.backend.standardize_dtype(variable.dtype)).startswith(("float", "bfloat"))


def _router(layer: Any, parent: Any) -> tuple[int, int]:
    """Experts that a layer chooses from, and how many each token goes to; 0, 0 for one that is no router."""
    if not is_named_router(layer.name, type(layer).__name__):
        return 0, 0
    beside = getattr(parent, "experts", None)
    listed = len(beside) if isinstance(beside, list | tuple | dict) else 0
    experts = listed or expert_count(layer, parent)
    chosen = next((number for each in (layer, parent) for name in COUNTS if (number := whole(each, name))), 1)
    return (experts, chosen) if chosen < experts else (0, 0)
