"""A cache of snapshot readers and their instance tables, bounded in number and bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from tensorboard_activis.read.snapshot import SnapshotReader

_COUNT = 16
#: Limit for the tables, with texts, images and audio; a single larger one stays while it is the most recently used.
_BYTES = 512 << 20


class ReaderCache:
    """A least-recently-used cache of at most `count` readers whose tables take at most `limit` bytes."""

    def __init__(self, count: int = _COUNT, limit: int = _BYTES) -> None:
        self.count, self._limit = count, limit
        self._readers: OrderedDict[Hashable, SnapshotReader] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], SnapshotReader]) -> SnapshotReader:
        """The cached reader, or a new one from `make`, whose errors are not cached."""
        with self._lock:
            reader = self._readers.get(key)
        if reader is None:
            reader = make()
        with self._lock:
            reader = self._readers.setdefault(key, reader)
            self._readers.move_to_end(key)
            self._trim()
        return reader

    def _trim(self) -> None:
        """Evicts readers. Tables are read after `get` returned, so their size counts from the next call on."""
        while len(self._readers) > self.count:
            self._readers.popitem(last=False)
        if len(self._readers) > 1:
            sizes = [reader.table_bytes for reader in self._readers.values()]
            total = sum(sizes)
            for size in sizes[:-1]:
                if total <= self._limit:
                    break
                self._readers.popitem(last=False)
                total -= size

    def __len__(self) -> int:
        return len(self._readers)
