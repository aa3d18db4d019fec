"""A least-recently-used cache, bounded by the total weight of its values."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """A least-recently-used cache of values up to a total weight; thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._weight = 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value], weigh: Callable[[Value], int] = lambda value: 1) -> Value:
        """The cached value, or a new one from `make`. Two threads may call `make` at the same time; errors are not cached."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
        value = make()
        weight = weigh(value)
        with self._lock:
            if key in self._values:
                return self._values[key][0]
            self._insert(key, value, weight)
        return value

    def use(self, key: Hashable) -> Value | None:
        """The cached value or None."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Value, weight: int) -> None:
        """Caches a value, in place of the one that the key had."""
        with self._lock:
            self._weight -= self._values.pop(key, (value, 0))[1]
            self._insert(key, value, weight)

    def peek(self, key: Hashable) -> Value | None:
        """The cached value or None; does not count as a use."""
        with self._lock:
            return self._values[key][0] if key in self._values else None

    def drop(self, key: Hashable) -> None:
        """Removes the value of the key, if it is cached."""
        with self._lock:
            if key in self._values:
                self._weight -= self._values.pop(key)[1]

    def __len__(self) -> int:
        return len(self._values)

    def _insert(self, key: Hashable, value: Value, weight: int) -> None:
        self._values[key] = (value, weight)
        self._weight += weight
        while self._weight > self._limit and len(self._values) > 1:
            _, (_, evicted_weight) = self._values.popitem(last=False)
            self._weight -= evicted_weight
