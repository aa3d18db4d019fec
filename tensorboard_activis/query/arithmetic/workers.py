"""The thread pool that all queries of a process share, with BLAS limited to one thread meanwhile.

BLAS' threads wait for each other after every product. On a machine that trains a model beside us such waiting took 100 times as
long as the work, so the rows are shared out here and each share is multiplied in its own thread.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from functools import cache
from itertools import chain, islice
from typing import TypeVar

from threadpoolctl import ThreadpoolController

from tensorboard_activis.query.limits import check_time

Part = TypeVar("Part")
Result = TypeVar("Result")


def _processors() -> int:
    with suppress(AttributeError):  # of Linux alone
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


#: More would be kept waiting by the memory.
THREADS = min(4, _processors())


class _OneThreadPerProduct:
    """A context manager: BLAS multiplies in the thread that asks. Requests and background jobs are computed within it.

    BLAS' number of threads is the process': the first of the queries under way sets it, the last sets it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0
        self._controller: ThreadpoolController | None = None
        self._modules = 0  # how many were loaded when the controller looked for BLAS, of which one may bring another
        self._limit: AbstractContextManager[object] | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._under_way += 1
            if self._limit is None:
                if self._controller is None or self._modules != len(sys.modules):
                    self._controller, self._modules = ThreadpoolController(), len(sys.modules)
                self._limit = self._controller.limit(limits=1, user_api="blas")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._under_way -= 1
            if self._under_way == 0 and self._limit is not None:
                self._limit.__exit__(None, None, None)
                self._limit = None


ONE_THREAD_PER_PRODUCT = _OneThreadPerProduct()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="activis-query")


if hasattr(os, "register_at_fork"):  # threads do not outlive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)


def in_parts(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """Maps `work` over the parts in a thread pool that all queries share; yields the results in order.

    A single part is worked on at once, since to hand it to a thread can take longer than the work.
    Few parts of one query are under way at a time, so a short question need not wait for the whole of a long one: parts should
    take about 10 ms.

    Raises TooLargeError once the time of the request is over.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        with ONE_THREAD_PER_PRODUCT:
            remaining = iter(parts)
            first = list(islice(remaining, 2))
            if len(first) == 1:
                check_time()
                yield work(first[0])
                return
            for part in chain(first, remaining):
                check_time()
                waiting.append(_pool().submit(work, part))
                if len(waiting) > THREADS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
