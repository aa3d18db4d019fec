"""Threads that act as processes in tests, with the collective operations of `Processes`."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from tensorboard_activis.capture.distributed.processes import OtherProcessError, Processes
from tensorboard_activis.capture.distributed.serialization import Serialized

T = TypeVar("T")


class Threads:
    """One of several threads; see `Processes`."""

    def __init__(self, rank: int, size: int, table: list[Any], barrier: threading.Barrier) -> None:
        self.rank, self.size = rank, size
        self._table, self._barrier = table, barrier

    def any(self, flag: bool) -> bool:
        return any(self._all(flag))

    def all_gather(self, data: bytes) -> list[bytes]:
        return self._all(data)

    def all_to_all(self, parts: Sequence[Serialized]) -> list[memoryview]:
        return [memoryview(b"".join(sent[self.rank])) for sent in self._all(list(parts))]

    def sum(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(sum(self._all(values)))

    def min(self, values: np.ndarray) -> np.ndarray:
        return np.min(self._all(values), axis=0)

    def max(self, values: np.ndarray) -> np.ndarray:
        return np.max(self._all(values), axis=0)

    @contextmanager
    def collective(self) -> Iterator[None]:
        try:
            yield
        except OtherProcessError:
            raise
        except Exception as error:
            self._meet(error)
            raise
        self._all(None)

    def _all(self, value: Any) -> list[Any]:
        values = self._meet(value)
        fault = next((each for each in values if isinstance(each, Exception)), None)
        if fault is not None:
            raise OtherProcessError(str(fault))
        return values

    def _meet(self, value: Any) -> list[Any]:
        self._table[self.rank] = value
        self._barrier.wait(timeout=120)
        values = list(self._table)
        self._barrier.wait(timeout=120)
        return values


def run_threads(size: int, work: Callable[[Processes], T]) -> list[T]:
    """Runs the function in each of them, and returns the results in order of rank."""
    table, barrier = [None] * size, threading.Barrier(size)
    with ThreadPoolExecutor(size) as pool:
        started = [pool.submit(work, Threads(rank, size, table, barrier)) for rank in range(size)]
        return [each.result() for each in started]
