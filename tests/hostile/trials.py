"""Tries many inputs in processes that may have little memory and time; one that ends its process is counted, and the rest go on."""

import faulthandler
import mmap
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.hostile.peak import forget_peak, peak_megabytes, virtual_megabytes

#: Of the processor, for one input; of memory, for the process; and after so many seconds an input counts as one that hangs.
SECONDS, MEGABYTES, HANGS = 2.0, 1024, 120
_MOST_FAULTS = 20

#: Makes the input of a number; what it returns tries it, and returns its kind or raises what is wrong.
Try = Callable[[int], Callable[[], str]]


class Fault(Exception):
    """The input did what it must not."""


def hunt(inputs: int, seed: int, first: int, only: int | None, start: Callable[[Path], Try]) -> int:
    """Tries so many inputs beginning with `first`, or only one; prints what was wrong and returns the exit status.

    Args:
        start: called once in each process, with a directory of its own.
    """
    if only is not None:
        first, inputs = only, 1
    begun, faults, peak = time.monotonic(), 0, 0.0
    at = mmap.mmap(-1, 8)  # shared with the process that tries them: a crash leaves the number behind
    number, end = first, first + inputs
    while number < end and faults < _MOST_FAULTS:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            _try_and_exit(number, end, seed, start, at)
        _, status, usage = os.wait4(child, 0)
        peak = max(peak, usage.ru_maxrss / 1024)
        code = os.waitstatus_to_exitcode(status)
        number = int.from_bytes(at[:8], "little") + 1
        if code < 0:
            print(f"input {number - 1} of seed {seed} ended the process by signal {-code}", file=sys.stderr)
        if code:
            faults += 1
        else:
            break
    seconds = time.monotonic() - begun
    print(
        f"{number - first:,} inputs in {seconds:.0f} s; at most {peak:.0f} MB; {faults or 'no'} fault{'s' * (faults > 1)}"
    )
    return 1 if faults else 0


def _try_and_exit(first: int, end: int, seed: int, start: Callable[[Path], Try], at: mmap.mmap) -> None:
    """The process ends at the first fault: memory that it took would be there for the inputs after it."""
    status = 1
    try:
        faulthandler.enable()
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory:
            try_one = start(Path(directory))
            limit = int((virtual_megabytes() + 2 * MEGABYTES) * (1 << 20))
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            forget_peak()  # what the process that was forked had is not the inputs'
            counted = _try_all(range(first, end), seed, try_one, at)
        if counted is not None:
            print(dict(sorted(counted.items())))
            status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _try_all(numbers: range, seed: int, try_one: Try, at: mmap.mmap) -> Counter[str] | None:
    counted: Counter[str] = Counter()
    before = peak_megabytes()
    for number in numbers:
        at[:8] = number.to_bytes(8, "little")
        signal.alarm(HANGS)
        try:
            try_it = try_one(number)
            begun = time.process_time()
            kind = try_it()
            counted[kind] += 1
            spent = time.process_time() - begun
            if spent > SECONDS:
                raise Fault(f"{kind} took {spent:.1f} s")
            if peak_megabytes() - before > MEGABYTES:
                raise Fault(f"{kind} took {peak_megabytes() - before:.0f} MB of memory")
        except Exception as error:
            print(f"input {number} of seed {seed}: {type(error).__name__}: {error}", file=sys.stderr)
            traceback.print_exception(error, limit=-8)
            return None
    signal.alarm(0)
    return counted
