"""Paired timings: alternatives run in turns, so that other load on the machine affects all of them alike."""

import time
from collections.abc import Callable, Mapping
from statistics import median


def in_turns(
    ways: Mapping[str, Callable[[], object]], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each run by name, after one warm-up run each. The order is reversed every time."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            start = clock()
            ways[name]()
            taken[name].append(clock() - start)
    return {name: seconds[1:] for name, seconds in taken.items()}


def ratio(seconds: list[float], reference: list[float]) -> float:
    """The median of the ratios of paired times."""
    return median(one / other for one, other in zip(seconds, reference, strict=True))


def line(name: str, seconds: list[float], reference: list[float], limit: float | None = None, what: str = "") -> str:
    """A line of the report: the median, its ratio to the reference, and whether that is within the limit.

    A negative limit is a lower limit of the inverse ratio.
    """
    value = ratio(seconds, reference)
    verdict = ""
    if limit is not None:
        word, good = ("at most", value <= limit) if limit > 0 else ("at least", 1 / value >= -limit)
        value = value if limit > 0 else 1 / value
        verdict = f"   {word} {abs(limit):g}: {'held' if good else 'MISSED'}"
    return f"{name:<48}{median(seconds) * 1e3:>10,.1f} ms {value:>8.2f}{what}{verdict}"
