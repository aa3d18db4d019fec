"""The snapshots of a run's directory, with which files each has, and which of those are there."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from tensorboard_activis import codec, metadata, schema
from tensorboard_activis.blobs import Blob, Flaw, event_files, scan
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.content import array_files
from tensorboard_activis.read.run import current
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.stores.path import Location

#: An incomplete record at the end of an event file hides no names; other flaws may.
_HARMLESS = "torn"


@dataclass(slots=True)
class Logged:
    """One snapshot: `arrays` and `tables` are the names of its files."""

    step: int
    session: str
    arrays: tuple[str, ...]
    tables: tuple[str, ...]
    reader: SnapshotReader
    #: Whether what is to stay of it could not be read, so that it is left as it is.
    damaged: bool = False

    @classmethod
    def of(cls, record: schema.Snapshot, directory: Location) -> "Logged":
        """Of a record that lies in this directory."""
        reader = SnapshotReader(record, directory)
        return cls(record.step, record.session, array_files(record), record.instances, reader)

    @property
    def stand_in(self) -> str:
        """The name of the file that stands in for its arrays once it was thinned; "" where it has none."""
        return metadata.stand_in(self.arrays[0]) if self.arrays else ""

    def is_whole(self, names: Collection[str]) -> bool:
        """Whether it has large arrays, and all of them."""
        return bool(self.arrays) and all(name in names for name in self.arrays)

    def is_thinned(self, names: Collection[str]) -> bool:
        """Whether another file stands in for some of its arrays."""
        return self.stand_in in names and not self.is_whole(names)


@dataclass(slots=True)
class LoggedRun:
    """All snapshots of one directory.

    Attributes:
        current: those that count, steps ascending. superseded: the others, of which no reader shows anything.
        flawed: whether there are events that cannot be read, which may name more files.
    """

    current: list[Logged] = field(default_factory=list)
    superseded: list[Logged] = field(default_factory=list)
    flawed: bool = False

    def add(self, one: Logged) -> None:
        """Adds the newest snapshot, which replaces those of its step and higher ones."""
        while self.current and self.current[-1].step >= one.step:
            self.superseded.append(self.current.pop())
        self.current.append(one)


def read_logged(directory: Location) -> LoggedRun:
    """Reads the event files of a directory."""
    found = LoggedRun()
    records: dict[str, schema.Snapshot] = {}
    for one in _items(directory):
        if isinstance(one, Flaw):
            found.flawed |= one.kind != _HARMLESS
        elif one.tag == metadata.SNAPSHOT_TAG:
            digest = codec.digest_of(one.content)
            try:
                # Where an event file was copied, its snapshots are announced twice; the last time counts.
                known = records.pop(digest) if digest in records else None
                records[digest] = known or codec.decode_snapshot(one.content)
            except UnreadableError:
                found.flawed = True
    logged = [Logged.of(record, directory) for record in records.values()]
    found.current = list(current(logged).values())
    counting = set(map(id, found.current))
    found.superseded = [one for one in logged if id(one) not in counting]
    return found


def _items(directory: Location) -> Iterable[Blob | Flaw]:
    for path in event_files(directory):
        yield from scan(path)
