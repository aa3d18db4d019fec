"""Limits how many requests compute at a time: Python runs one of them at a time anyway, and TensorBoard serves other pages too."""

import threading
from collections import deque

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.arithmetic.workers import ONE_THREAD_PER_PRODUCT, THREADS
from tensorboard_activis.query.limits import check_time

#: Requests that compute at a time; two at least, so that one long question does not keep a short one waiting.
SLOTS = max(2, THREADS)
#: Requests that may wait for a slot; a tab sends about six at a time.
MAX_WAITING = 64
#: Seconds between two looks at the limits of a request that waits.
_POLL_SECONDS = 0.2


class BusyError(ActiVisError):
    """Too many requests wait already; the message says what to do."""


class RequestSlots:
    """A number of slots for requests that compute; the others wait in the order in which they came.

    A context manager: within it, this thread has a slot, and BLAS starts no threads. It must not ask for a second one.

    Arguments:
        slots: requests that compute at a time.
        waiting: requests that may wait.

    Raises:
        BusyError: too many wait; raised by `with`, as is what `check_time` raises while this request waits.
    """

    def __init__(self, slots: int = SLOTS, waiting: int = MAX_WAITING) -> None:
        self._free, self._limit = slots, waiting
        self._queue: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._acquire()
        ONE_THREAD_PER_PRODUCT.__enter__()

    def __exit__(self, *_: object) -> None:
        ONE_THREAD_PER_PRODUCT.__exit__()
        self._release()

    def _acquire(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if len(self._queue) >= self._limit:
                raise BusyError(
                    f"TensorBoard is busy: {self._limit} requests for activations are already waiting. Try again in a few seconds."
                )
            turn = threading.Event()
            self._queue.append(turn)
        try:
            while not turn.wait(_POLL_SECONDS):
                check_time()
        except BaseException:
            with self._lock:
                waits = turn in self._queue
                if waits:
                    self._queue.remove(turn)
            if not waits:  # the slot came in the same moment
                self._release()
            raise

    def _release(self) -> None:
        """The slot goes to the one that has waited longest."""
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._free += 1
