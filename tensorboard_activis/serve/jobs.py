"""One background worker for what takes long: a bounded queue, progress, cancelling, results that are kept for a while."""

import contextlib
import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.printable import traceback_of
from tensorboard_activis.query.limits import TooLargeError

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

QUEUE = 8
#: Results that are kept, and their bytes.
KEPT, KEPT_BYTES = 32, 128 << 20
#: A job that nobody asks about for so many seconds ends: its tab was closed. A hidden tab asks once a minute.
ABANDONED_SECONDS = 180.0
#: How much lower the priority of jobs is than that of requests; the system knows none below 19.
_NICER = 10


@dataclass(slots=True)
class Job(Generic[Result]):
    """What is known of a job. `state` is queued, running, done, failed or cancelled; `result` may be intermediate."""

    state: str = "queued"
    progress: float = 0.0
    result: Result | None = None
    problem: Exception | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    asked: float = field(default_factory=time.monotonic)

    def report(self, progress: float, result: Result) -> bool:
        """Called by the work as it goes; whether it shall go on."""
        self.progress, self.result = progress, result
        return self.wanted()

    def wanted(self) -> bool:
        """Whether somebody still waits for it."""
        if time.monotonic() - self.asked > ABANDONED_SECONDS:
            self.cancelled.set()
        return not self.cancelled.is_set()


class Jobs(Generic[Result]):
    """Jobs by key, run one after another in one thread that ends when there is nothing to do.

    Args:
        weigh: bytes of a result.
    """

    def __init__(self, weigh: Callable[[Result], int] = lambda result: 0) -> None:
        self._weigh = weigh
        self._jobs: OrderedDict[Hashable, Job[Result]] = OrderedDict()
        self._queue: list[tuple[Job[Result], Callable[[Job[Result]], Result]]] = []
        self._lock = threading.Lock()
        self._working = False

    def ask(self, key: Hashable, work: Callable[[Job[Result]], Result]) -> Job[Result]:
        """The job of this key, begun now unless it is there; a failed or cancelled one is begun again.

        Raises TooLargeError when QUEUE jobs wait already.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.state not in ("failed", "cancelled") and not job.cancelled.is_set():
                job.asked = time.monotonic()
                self._jobs.move_to_end(key)
                return job
            if len(self._queue) >= QUEUE:
                raise TooLargeError(f"{QUEUE} layouts wait to be computed already. Wait for one, or cancel one.")
            job = self._jobs[key] = Job()
            self._queue.append((job, work))
            self._forget_old()
            if not self._working:
                self._working = True
                threading.Thread(target=self._work, name="activis-jobs", daemon=True).start()
            return job

    def _forget_old(self) -> None:
        weights = {key: 0 if job.result is None else self._weigh(job.result) for key, job in self._jobs.items()}
        total = sum(weights.values())
        for key in [key for key, job in self._jobs.items() if job.state not in ("queued", "running")]:
            if len(self._jobs) <= KEPT and total <= KEPT_BYTES:
                break
            total -= weights[key]
            del self._jobs[key]

    def find(self, key: Hashable) -> Job[Result] | None:
        """The job of this key, if there is one."""
        with self._lock:
            return self._jobs.get(key)

    def poll(self, key: Hashable) -> Job[Result] | None:
        """The same, noting that somebody waits for it."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None:
                job.asked = time.monotonic()
            return job

    def forget(self, key: Hashable) -> None:
        """Drops a job that has ended."""
        with self._lock:
            if key in self._jobs and self._jobs[key].state not in ("queued", "running"):
                del self._jobs[key]

    def cancel(self, key: Hashable) -> Job[Result] | None:
        """Ends a job that waits or runs; None when there is none."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.state in ("queued", "running"):
                job.cancelled.set()
                job.state = "cancelled"
                self._queue = [(one, work) for one, work in self._queue if one is not job]
            return job

    def _work(self) -> None:
        _give_way()
        while True:
            with self._lock:
                if not self._queue:
                    self._working = False
                    return
                job, work = self._queue.pop(0)
                if not job.wanted():
                    job.state = "cancelled"
                    continue
                job.state = "running"
            try:
                result = work(job)
            except Exception as error:
                if not isinstance(error, ActiVisError):
                    logger.error("A layout failed\n%s", traceback_of(error))
                self._finish(job, "failed", error)
            else:
                job.result = result
                self._finish(job, "cancelled" if job.cancelled.is_set() else "done", None)

    def _finish(self, job: Job[Result], state: str, problem: Exception | None) -> None:
        with self._lock:
            if job.state != "cancelled":
                job.state, job.problem = state, problem
                job.progress = 1.0 if state == "done" else job.progress


def _give_way() -> None:
    """Lowers this thread's priority, where a thread has one of its own: TensorBoard's pages come first."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            own = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, own) + _NICER)
