"""Times of things that take turns, so that what else the machine does falls on all of them alike."""

import time
from collections.abc import Callable, Mapping
from statistics import median


def seconds(works: Mapping[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """The median of each, after one turn that does not count."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if turn:
                found[name].append(time.perf_counter() - started)
    return {name: median(times) for name, times in found.items()}


def line(name: str, taken: float, limit: float | None = None, unit: str = "ms", of: float | None = None) -> None:
    """Prints a time in milliseconds, how many `of` (copies, say) it is, and whether it is within the limit in this unit."""
    value = taken * 1000 if of is None else taken / of
    against = "" if limit is None else f"   limit {limit:>7,g} {unit:<7} {'ok' if value <= limit else 'MISSED'}"
    ratio = "" if of is None else f"{taken / of:>8.2f} {unit}"
    print(f"{name:<64}{taken * 1000:>10,.1f} ms{ratio:<18}{against}", flush=True)
