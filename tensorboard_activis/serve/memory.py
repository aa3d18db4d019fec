"""Returns the memory of large answers to the operating system: TensorBoard stays open for weeks."""

import ctypes
import sys
from contextlib import suppress

#: glibc's parameter (malloc.h) for the size from which a block is mapped, and unmapped as soon as it is freed.
_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 20


def return_large_blocks() -> None:
    """Makes glibc return blocks of 1 MB and more to the system as soon as they are freed; does nothing elsewhere.

    Otherwise the threshold grows to 32 MB by itself, and every thread that answered requests retains up to 64 MB.
    """
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):  # musl has no mallopt, nor the habit
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
