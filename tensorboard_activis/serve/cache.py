"""Caches with a bound: what was used longest ago goes first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Keeps values up to a total weight; safe to use from several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._weight = 0
        self._held: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value], weigh: Callable[[Value], int] = lambda value: 1) -> Value:
        """The value of the key, made now if it is not held. Two threads may make it at the same time; errors are not held."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key][0]
        value = make()
        weight = weigh(value)
        with self._lock:
            if key in self._held:
                return self._held[key][0]
            self._keep(key, value, weight)
        return value

    def put(self, key: Hashable, value: Value, weight: int) -> None:
        """Keeps a value in the place of the one that the key had."""
        with self._lock:
            self._weight -= self._held.pop(key, (value, 0))[1]
            self._keep(key, value, weight)

    def peek(self, key: Hashable) -> Value | None:
        """The value of the key if it is held; what is looked at is not used."""
        with self._lock:
            return self._held[key][0] if key in self._held else None

    def drop(self, key: Hashable) -> None:
        """Forgets the value of the key, if it is held."""
        with self._lock:
            if key in self._held:
                self._weight -= self._held.pop(key)[1]

    def __len__(self) -> int:
        return len(self._held)

    def _keep(self, key: Hashable, value: Value, weight: int) -> None:
        self._held[key] = (value, weight)
        self._weight += weight
        while self._weight > self._limit and len(self._held) > 1:
            _, (_, gone) = self._held.popitem(last=False)
            self._weight -= gone
