"""What the allocators keep after large answers is given back: TensorBoard stays open for weeks."""

import ctypes
import sys
import threading
import time
from collections.abc import Callable

import pyarrow as pa

#: Seconds between two times.
_EVERY = 1.0

_lock = threading.Lock()
_last = -_EVERY


def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).malloc_trim  # type: ignore[no-any-return] # glibc's; musl has none
    except (OSError, AttributeError):
        return None


_TRIM = _trim()


def give_back() -> bool:
    """Returns unused memory to the system, at most once in a while; whether it did."""
    global _last
    with _lock:
        if time.monotonic() - _last < _EVERY:
            return False
        _last = time.monotonic()
    pa.default_memory_pool().release_unused()
    if _TRIM is not None:
        _TRIM(0)
    return True
