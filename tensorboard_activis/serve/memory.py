"""What large answers took is given back to the system: TensorBoard stays open for weeks."""

import ctypes
import sys
from contextlib import suppress

#: glibc's name for the size from which a block of memory is the system's own (malloc.h).
_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 20


def return_large_blocks() -> None:
    """Has glibc return blocks of a megabyte and more as soon as they are freed; does nothing elsewhere.

    Without it that size grows to 32 MB with what is asked for, and every thread that ever answered keeps up to 64 MB.
    """
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):  # musl has no mallopt, nor the habit
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
