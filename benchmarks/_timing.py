"""Prints measured times beside their limits, in milliseconds or as multiples of a reference."""

from collections.abc import Callable, Mapping
from statistics import median

from benchmarks._pairs import in_turns


def seconds(works: Mapping[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """The median seconds of each by name; they run in turns, after a warm-up."""
    return {name: median(times) for name, times in in_turns(works, repeats).items()}


def line(name: str, taken: float, limit: float | None = None, unit: str = "ms", reference: float | None = None) -> None:
    """Prints a time in milliseconds, its multiple of the reference, and whether it is within the limit.

    Arguments:
        taken: seconds.
        limit: in milliseconds, or in multiples of the reference where there is one.
        unit: of the limit; with a reference the name of that, such as copies.
        reference: seconds.
    """
    value = taken * 1000 if reference is None else taken / reference
    against = "" if limit is None else f"   limit {limit:>7,g} {unit:<7} {'ok' if value <= limit else 'MISSED'}"
    ratio = "" if reference is None else f"{taken / reference:>8.2f} {unit}"
    print(f"{name:<64}{taken * 1000:>10,.1f} ms{ratio:<18}{against}", flush=True)
