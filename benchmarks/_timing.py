"""Times against limits: in milliseconds, or as so many times something else."""

from collections.abc import Callable, Mapping
from statistics import median

from benchmarks._pairs import in_turns


def seconds(works: Mapping[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """The median of each, taking turns, after one turn that does not count."""
    return {name: median(times) for name, times in in_turns(works, repeats).items()}


def line(name: str, taken: float, limit: float | None = None, unit: str = "ms", of: float | None = None) -> None:
    """Prints a time in milliseconds, how many `of` (copies, say) it is, and whether it is within the limit in this unit."""
    value = taken * 1000 if of is None else taken / of
    against = "" if limit is None else f"   limit {limit:>7,g} {unit:<7} {'ok' if value <= limit else 'MISSED'}"
    ratio = "" if of is None else f"{taken / of:>8.2f} {unit}"
    print(f"{name:<64}{taken * 1000:>10,.1f} ms{ratio:<18}{against}", flush=True)
