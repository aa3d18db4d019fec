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
_waiting = False


def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).malloc_trim  # type: ignore[no-any-return] # glibc's; musl has none
    except (OSError, AttributeError):
        return None


_TRIM = _trim()


def give_back() -> bool:
    """Returns unused memory to the system, at most once in a while: at once, or when its time comes; whether at once."""
    global _last, _waiting
    with _lock:
        early = _last + _EVERY - time.monotonic()
        if early > 0:
            if not _waiting:  # or what the last of many answers leaves would stay until somebody asks again
                _waiting = True
                timer = threading.Timer(early, _give_back_later)
                timer.daemon = True
                timer.start()
            return False
        _last = time.monotonic()
    pa.default_memory_pool().release_unused()
    if _TRIM is not None:
        _TRIM(0)
    return True


def _give_back_later() -> None:
    global _waiting
    with _lock:
        _waiting = False
    give_back()
