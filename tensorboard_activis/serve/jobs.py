"""A background worker thread for long computations: a bounded queue, progress, cancellation, cached results."""

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

from tensorboard_activis.errors import ActiVisError, QueryError
from tensorboard_activis.printable import traceback_of
from tensorboard_activis.query.arithmetic.workers import ONE_THREAD_PER_PRODUCT
from tensorboard_activis.query.limits import TooLargeError

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

QUEUE = 8
#: Limits of the cached results, in number and in bytes.
MAX_RESULTS, MAX_RESULT_BYTES = 32, 128 << 20
#: Seconds without a poll after which a job is cancelled: its tab was closed. A hidden tab polls once a minute.
ABANDONED_SECONDS = 180.0
#: By how much the niceness of jobs is higher than that of requests; the system limits it to 19.
_NICENESS = 10


@dataclass(slots=True)
class Job(Generic[Result]):
    """The state of a job: queued, running, done, failed or cancelled; `result` may be intermediate."""

    state: str = "queued"
    progress: float = 0.0
    result: Result | None = None
    problem: Exception | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    last_polled: float = field(default_factory=time.monotonic)

    def report(self, progress: float, result: Result) -> bool:
        """Reports progress from 0 to 1 and an intermediate result; returns False when the job is to stop."""
        self.progress, self.result = progress, result
        return self.wanted()

    def wanted(self) -> bool:
        """Whether a client still polls the job, and it was not cancelled."""
        if time.monotonic() - self.last_polled > ABANDONED_SECONDS:
            self.cancelled.set()
        return not self.cancelled.is_set()


class Jobs(Generic[Result]):
    """A queue of jobs by key, run one after another in a thread that ends when the queue is empty.

    Args:
        weigh: bytes of a result.
    """

    def __init__(self, weigh: Callable[[Result], int] = lambda result: 0) -> None:
        self._weigh = weigh
        self._jobs: OrderedDict[Hashable, Job[Result]] = OrderedDict()
        self._queue: list[tuple[Job[Result], Callable[[Job[Result]], Result]]] = []
        self._lock = threading.Lock()
        self._working = False

    def submit(self, key: Hashable, work: Callable[[Job[Result]], Result]) -> Job[Result]:
        """Returns the job of this key, submitting it unless there is one; a failed or cancelled job is submitted again.

        Raises TooLargeError when QUEUE jobs wait already.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.state not in ("failed", "cancelled") and not job.cancelled.is_set():
                job.last_polled = time.monotonic()
                self._jobs.move_to_end(key)
                return job
            if len(self._queue) >= QUEUE:
                raise TooLargeError(
                    f"{QUEUE} computations of this kind are already waiting. Try again when one of them is done, or cancel one."
                )
            job = self._jobs[key] = Job()
            self._queue.append((job, work))
            self._evict()
            if not self._working:
                self._working = True
                threading.Thread(target=self._work, name="activis-jobs", daemon=True).start()
            return job

    def _evict(self) -> None:
        weights = {key: 0 if job.result is None else self._weigh(job.result) for key, job in self._jobs.items()}
        total = sum(weights.values())
        for key in [key for key, job in self._jobs.items() if job.state not in ("queued", "running")]:
            if len(self._jobs) <= MAX_RESULTS and total <= MAX_RESULT_BYTES:
                break
            total -= weights[key]
            del self._jobs[key]

    def find(self, key: Hashable) -> Job[Result] | None:
        """The job of this key, if there is one."""
        with self._lock:
            return self._jobs.get(key)

    def poll(self, key: Hashable) -> Job[Result] | None:
        """The job of this key, which counts as polled, so that it is not abandoned."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None:
                job.last_polled = time.monotonic()
            return job

    def raise_failure(self, key: Hashable, what: str) -> None:
        """Raises the error of a failed job, once: the job is then forgotten, and may be submitted again.

        Args:
            what: the computation, for the message.

        Raises:
            QueryError: the job failed by an error that is none of ours; one of ours is raised as it is.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.state != "failed":
                return
            del self._jobs[key]
        if isinstance(job.problem, ActiVisError):
            raise job.problem
        raise QueryError(f"{what} failed: {type(job.problem).__name__}: {job.problem}")

    def cancel(self, key: Hashable) -> Job[Result] | None:
        """Cancels a job that is queued or running, and returns it; None when there is no job of this key."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.state in ("queued", "running"):
                job.cancelled.set()
                job.state = "cancelled"
                self._queue = [(queued, work) for queued, work in self._queue if queued is not job]
            return job

    def _work(self) -> None:
        _lower_priority()
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
                with ONE_THREAD_PER_PRODUCT:
                    result = work(job)
            except Exception as error:
                if not isinstance(error, ActiVisError):
                    logger.error("A background job failed\n%s", traceback_of(error))
                self._finish(job, "failed", error)
            else:
                job.result = result
                self._finish(job, "cancelled" if job.cancelled.is_set() else "done", None)

    def _finish(self, job: Job[Result], state: str, problem: Exception | None) -> None:
        with self._lock:
            if job.state != "cancelled":
                job.state, job.problem = state, problem
                job.progress = 1.0 if state == "done" else job.progress


def _lower_priority() -> None:
    """Lowers the priority of this thread, where threads have their own (Linux): requests come first."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            own = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, own) + _NICENESS)
