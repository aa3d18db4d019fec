"""Writes events into a store, where nothing can be appended to: an object is written again with what is new behind it."""

from tensorboard_activis.stores.path import Location, StorePath
from tensorboard_activis.write.clock import Clock
from tensorboard_activis.write.events import EventWriter, file_beginning

#: Bytes from which on the next blob goes to another object. So a snapshot sends at most this much again, and TensorBoard, which
#: asks a store several times for each event file, finds few of them.
MOST_REWRITTEN = 1 << 20


class EventObjectWriter(EventWriter):
    """An `EventWriter` into a store. The object that is written again begins as it did before: readers go on where they were.

    After a fault the next blob begins another object, unless the store has all of what was sent after all.
    """

    def __init__(self, directory: StorePath, session: str, clock: Clock | None = None) -> None:
        super().__init__(directory, session, clock)
        self._content = b""

    @property
    def is_lost(self) -> bool:
        """False: what is written again is there again, and the store is not asked about the rest."""
        return False

    @property
    def is_begun(self) -> bool:
        """Whether the next blob goes to an object that is there."""
        return bool(self._content)

    def _append(self, records: bytes, start: int | None) -> None:
        self.reached = False
        if len(self._content) >= MOST_REWRITTEN:
            self._begin_next_file()
        content = self._content or file_beginning(self._clock)
        content += self._start_record(start) + records
        try:
            self._send(content)
        except BaseException:
            self._begin_next_file()
            raise
        self.reached = True
        self._started |= start is not None
        self._content = content

    def _send(self, content: bytes) -> None:
        assert isinstance(self.path, StorePath)
        store, key = self.path.store, self.path.key
        try:
            store.write(key, content)
        except OSError:
            # The answer may have been lost, and not the object: then its event counts, and the files that it names must stay.
            try:
                arrived = store.ranges(key, [(0, store.status(key).st_size)]) == [content]
            except OSError:
                arrived = False
            if not arrived:
                raise

    def _begin_next_file(self) -> None:
        super()._begin_next_file()
        self._content = b""


def event_writer(directory: Location, session: str, clock: Clock) -> EventWriter:
    """The writer of a session's events into a directory, or into a store."""
    if isinstance(directory, StorePath):
        return EventObjectWriter(directory, session, clock)
    return EventWriter(directory, session, clock)
