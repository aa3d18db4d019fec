"""The memory that a process has, and the most that it had."""

import contextlib
import re
import resource
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_megabytes() -> float:
    """Of this process and program; `ru_maxrss` would count the process that it was started from as well."""
    found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text()) if STATUS.exists() else None
    return int(found[1]) / 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak() -> None:
    """From now on the peak is counted anew, where the system can do that: what one input took is not that of those after it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def virtual_megabytes() -> float:
    """Addresses in use, which is what RLIMIT_AS limits; 0 where that is not known."""
    size = re.search(r"VmSize:\s+(\d+) kB", STATUS.read_text()) if STATUS.exists() else None
    return int(size[1]) / 1024 if size else 0.0
