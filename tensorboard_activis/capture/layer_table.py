"""The recorded layers of a logger, which print as a table of all that can be recorded."""

from collections.abc import Iterable, Sequence
from typing import Self

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.layers import Selection

#: If there are more rows, those of recorded layers are shown alone.
MOST_ROWS = 150


class Layers(tuple[schema.LayerInfo, ...]):
    """The recorded layers, in the order in which they run.

    Printed, a table of the modules that can be recorded: name, type, shape of the output with N for the instances, number of
    neurons, and whether it is recorded; where `layers=` was given, also whether it would be by default.

    Arguments:
        recorded: the recorded layers.
        selection: what they were selected from; None before there is a graph.
    """

    _selection: Selection | None

    def __new__(cls, recorded: Iterable[schema.LayerInfo] = (), selection: Selection | None = None) -> Self:
        layers = super().__new__(cls, tuple(recorded))
        layers._selection = selection
        return layers

    def __repr__(self) -> str:
        if self._selection is None:
            return "The layers are decided by the first batch."
        recorded, default = {layer.name for layer in self}, set(self._selection.default)
        titles = ["name", "type", "output", "neurons", "recorded", *(["by default"] if default != recorded else [])]
        rows = [
            [
                layer.name or "(the model)",
                layer.type,
                f"[{', '.join('N' if size < 0 else str(size) for size in layer.shape.sizes)}]",
                f"{layer.neurons:,}",
                "yes" if layer.name in recorded else "",
                "yes" if layer.name in default else "",
            ][: len(titles)]
            for layer in self._selection.possible
            if layer.is_module or layer.name in recorded | default
        ]
        shown = rows if len(rows) <= MOST_ROWS else [row for row in rows if any(row[4:])]
        lines = _aligned([titles, *shown], right={3})
        if len(shown) < len(rows):
            lines.append(f"and {len(rows) - len(shown):,} other modules, which layers= can name")
        return "\n".join(lines)


def _aligned(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """Rows as lines of text with columns, those of `right` at the right of their column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
