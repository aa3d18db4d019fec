"""Limits on processor time that a slow or busy machine keeps: they are multiples of a loop that runs right beside the work."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

#: What the loop takes where the limits were chosen, in seconds of the processor.
_REFERENCE = 0.03


def _loop() -> float:
    """Seconds of the processor for a fixed amount of Python: numbers, strings, a dictionary that outgrows small caches."""
    begun = time.thread_time()
    names = {f"name {index}": index for index in range(100_000)}
    sum(index for name, index in names.items() if name.endswith("7"))
    return time.thread_time() - begun


def slowness() -> float:
    """How many times slower than the machine of the limits this one is at this moment, at least 1."""
    return max(1.0, max(_loop() for _ in range(3)) / _REFERENCE)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail where the body takes more of the processor, in all threads, than so many seconds of the machine of the limits."""
    begun = time.process_time()
    yield
    taken = time.process_time() - begun
    assert taken < seconds or taken < seconds * slowness(), f"{taken:.1f} seconds of the processor"
