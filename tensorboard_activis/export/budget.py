"""What an export takes, by layer and step, and what to leave out of one that is too large."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.printable import visible

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
#: Layers named in a message.
_LISTED = 12
#: More instances are named among what takes the room: a logger keeps fewer with `sample=`.
_MANY = 5_000


def parse_bytes(text: str) -> int:
    """A size such as 20MB, 1.5 GB or 300000 (bytes). Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?B?)", text.strip().upper())
    unit = match and (match[2] if match[2] in _UNITS else f"{match[2]}B")
    if not match or unit not in _UNITS or not (size := round(float(match[1]) * _UNITS[unit])):
        raise ValueError(f"expected a size such as 20MB, 1.5GB or 300KB; got {text!r}")
    return size


def megabytes(size: float) -> str:
    """A size for a person: 12.3 MB; small ones in KB."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} KB"


@dataclass(frozen=True, slots=True)
class Sizes:
    """What an export takes in bytes, at the step where it is most of those that are recorded.

    Attributes:
        fixed: the tab's code and what is of the whole run.
        step: what is of a step and of no layer, without contents.
        contents: pictures, sounds and texts of the newest step.
        other_contents: those of another step that are not there yet.
        layers: of a layer at a step, by its name.
    """

    fixed: int
    step: int
    contents: int
    other_contents: int
    layers: dict[str, int]

    def total(self, steps: int, layers: Sequence[str], contents: bool = True) -> int:
        """Bytes with so many steps and these layers."""
        each = self.step + sum(self.layers[name] for name in layers)
        shown = self.contents + (steps - 1) * self.other_contents if contents else 0
        return self.fixed + shown + steps * each


def check_budget(sizes: Sizes, steps: Sequence[int], budget: int, instances: int = 0) -> None:
    """Raises ActiVisError, with what takes how much and options that help, where an export is too large.

    Arguments:
        instances: that are kept one by one, at the step with most of them.
    """
    layers, count = list(sizes.layers), len(steps)
    total = sizes.total(count, layers)
    if total <= budget:
        return
    largest = sorted(layers, key=lambda name: -sizes.layers[name])
    lines = [
        f"the export would take about {megabytes(total)}, more than the budget of {megabytes(budget)}. Nothing was written.",
        f"  the tab's code and the graph  {megabytes(sizes.fixed)}",
        f"  pictures, sounds, texts       {megabytes(sizes.contents + (count - 1) * sizes.other_contents)}",
        f"  each of {count} steps, such as {steps[-1]}:" if count > 1 else f"  step {steps[-1]}:",
        f"    table, columns, findings    {megabytes(sizes.step)}",
        *(f"    {megabytes(sizes.layers[name]):>10}  {visible(name)}" for name in largest[:_LISTED]),
    ]
    if len(largest) > _LISTED:
        rest = largest[_LISTED:]
        lines.append(f"    {megabytes(sum(sizes.layers[name] for name in rest)):>10}  {len(rest)} smaller layers")
    lines += _helping(sizes, steps, budget)
    least = sizes.fixed + sizes.step
    if budget <= least:
        lines.append(f"  No export of this run is smaller than {megabytes(least)} and its smallest layer.")
    if instances > _MANY:
        lines.append(
            f"  Every one of the {instances:,} kept instances is in an export. A run that is logged with sample=1000 keeps 1,000."
        )
    raise ActiVisError("\n".join(lines))


def _helping(sizes: Sizes, steps: Sequence[int], budget: int) -> list[str]:
    """Options that make it small enough, each with the size then."""
    layers, count = list(sizes.layers), len(steps)
    total = sizes.total(count, layers)
    lines = ["What helps:"]
    fewer = next((n for n in range(count - 1, 0, -1) if sizes.total(n, layers) <= budget), 0)
    if fewer:
        kept = [steps[round(i * (count - 1) / max(1, fewer - 1))] for i in range(fewer)] if fewer > 1 else steps[-1:]
        lines.append(f"  --step {' '.join(map(str, kept))}  ({megabytes(sizes.total(fewer, layers))})")
    for n in dict.fromkeys((count, 1)):
        # From the output backwards: what is closest to the prediction says most about it.
        chosen: list[str] = []
        for name in reversed(layers):
            if sizes.total(n, [name, *chosen]) <= budget:
                chosen.insert(0, name)
        if chosen and len(chosen) < len(layers):
            named = " ".join(map(_quoted, chosen))
            which = f"--step {steps[-1]} " if n < count else ""
            lines.append(f"  {which}--layers {named}  ({megabytes(sizes.total(n, chosen))})")
            break
    if sizes.contents and (bare := sizes.total(count, layers, contents=False)) <= budget:
        lines.append(f"  --no-content  ({megabytes(bare)})")
    lines.append(f"  --budget {-(-total // 10**6)}MB")
    return lines


def _quoted(name: str) -> str:
    """For a shell."""
    return name if re.fullmatch(r"[\w./@+-]+", name) else "'" + visible(name).replace("'", "'\\''") + "'"
