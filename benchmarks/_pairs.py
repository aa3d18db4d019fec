"""Ways to the same end that take turns, so that what else the machine does meets all of them alike."""

import time
from collections.abc import Callable, Mapping
from statistics import median


def in_turns(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each run, after one that does not count. The order is turned round every time."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            ways[name]()
            taken[name].append(time.perf_counter() - start)
    return {name: seconds[1:] for name, seconds in taken.items()}


def ratio(seconds: list[float], of: list[float]) -> float:
    """The median of the ratios of pairs."""
    return median(one / other for one, other in zip(seconds, of, strict=True))


def line(name: str, seconds: list[float], of: list[float], limit: float | None = None, what: str = "") -> str:
    """A row of a table: the median, the ratio, and whether it is within its limit (at most; at least where it is negative)."""
    found = ratio(seconds, of)
    told = ""
    if limit is not None:
        word, good = ("at most", found <= limit) if limit > 0 else ("at least", 1 / found >= -limit)
        found = found if limit > 0 else 1 / found
        told = f"   {word} {abs(limit):g}: {'held' if good else 'MISSED'}"
    return f"{name:<48}{median(seconds) * 1e3:>10,.1f} ms {found:>8.2f}{what}{told}"
