"""Measures how long a thread that wants the interpreter has to wait for it: the time in which TensorBoard answers nobody else."""

import ast
import threading
import time
from pathlib import Path

#: Seconds that the thread sleeps before it wants the interpreter again.
_TICK = 0.002
#: The longest list that an expression may have, and the seconds in which it is parsed on the machine that limits are meant for.
_LONGEST = f"id in [{','.join(str(10**24 + number) for number in range(10_000))}]"
_PARSED = 0.025


class Interpreter:
    """A thread of its own sleeps and wakes, and remembers the longest that it then had to wait, in seconds.

    Counted is what this process computed meanwhile. That other programs had the processor, and that the thread waited for it
    although the interpreter was free, is not counted, as far as the system says so (Linux does).
    """

    def __init__(self) -> None:
        self._longest = 0.0
        self._woke = threading.Condition()
        self._asleep_since = time.monotonic()
        threading.Thread(target=self._measure, daemon=True).start()

    def start(self) -> None:
        """Measures anew from here on."""
        self._longest = 0.0

    def longest(self) -> float:
        """The longest wait since `start`, in seconds."""
        if time.monotonic() - self._asleep_since > 2 * _TICK:  # it is waiting now
            with self._woke:
                self._woke.wait(10)
        return self._longest

    def _measure(self) -> None:
        schedule = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        queued = _queued(schedule)
        while True:
            asleep, computed = time.monotonic(), time.process_time()
            self._asleep_since = asleep
            time.sleep(_TICK)
            late = time.monotonic() - asleep - _TICK
            before, queued = queued, _queued(schedule)
            held = min(late - (queued - before), time.process_time() - computed)
            with self._woke:
                self._longest = max(self._longest, held)
                self._woke.notify_all()


def slowness() -> float:
    """How many times slower than meant this machine is at the moment; 1 if it is faster. From the best of three tries."""
    taken = []
    for _ in range(3):
        begun = time.thread_time()
        ast.parse(_LONGEST, mode="eval")
        taken.append(time.thread_time() - begun)
    return max(1.0, min(taken) / _PARSED)


def _queued(schedule: Path) -> float:
    """Seconds that a thread was ready to run and had to wait for a core; 0 where the system does not say."""
    try:
        return int(schedule.read_text().split()[1]) / 1e9
    except OSError:
        return 0.0
