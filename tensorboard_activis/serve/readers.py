"""The snapshots that were asked about last, with the tables that they hold."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from tensorboard_activis.read.snapshot import SnapshotReader

_COUNT = 16
#: Of tables with texts, pictures and sounds; a single larger one is kept while it is the last that was asked for.
_BYTES = 512 << 20


class Readers:
    """Up to so many readers, and so many bytes of their tables: what was used longest ago goes first."""

    def __init__(self, count: int = _COUNT, limit: int = _BYTES) -> None:
        self._count, self._limit = count, limit
        self._held: OrderedDict[Hashable, SnapshotReader] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], SnapshotReader]) -> SnapshotReader:
        """The reader of the key, made now if it is not held; errors are not held."""
        with self._lock:
            found = self._held.get(key)
        if found is None:
            found = make()
        with self._lock:
            found = self._held.setdefault(key, found)
            self._held.move_to_end(key)
            self._trim()
        return found

    def _trim(self) -> None:
        """Tables are read after a reader was given away, so what it holds is known when the next one is asked for."""
        while len(self._held) > self._count:
            self._held.popitem(last=False)
        if len(self._held) > 1:
            sizes = [reader.table_bytes for reader in self._held.values()]
            total = sum(sizes)
            for size in sizes[:-1]:
                if total <= self._limit:
                    break
                self._held.popitem(last=False)
                total -= size

    def __len__(self) -> int:
        return len(self._held)
