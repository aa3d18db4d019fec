"""Reads graphs, snapshots and training health, undecoded, from the event files of one run directory, without TensorBoard."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2

from tensorboard_activis import metadata
from tensorboard_activis.files import names_in, open_own, status_of
from tensorboard_activis.framing import OVERHEAD, DamagedRecordError, records
from tensorboard_activis.stores.path import Location, Place

_TAGS = (metadata.GRAPH_TAG, metadata.SNAPSHOT_TAG, metadata.HEALTH_TAG)
#: Bytes of a run's training health that are held at once, with what every event of it takes besides.
MOST_HEALTH, HEALTH_EVENT = 256 << 20, 1_000


def health_beyond(count: int, step: int) -> str:
    """Says that training health is not read from an event on. Arguments: `count`: events before it; `step`: its step."""
    before = f"the {count:,} events before it take {MOST_HEALTH:,} bytes of memory"
    return f"Training health from step {step:,} on is not read: {before}. Measure less often: health=N for every N training steps."


@dataclass(frozen=True)
class Blob:
    """One graph, snapshot or part of training health as it lies in an event file, not yet decoded."""

    tag: str
    step: int
    wall_time: float
    content: bytes


@dataclass(frozen=True)
class Flaw:
    """Something in an event file that cannot be read.

    Attributes:
        kind: "unreadable" (the file), "damaged" (a record, and all that follows it), "torn" (an incomplete record at the end),
            "undecodable" (one event) or "newer" (a format version that is not ours).
        text: the same for the user, without the file's name.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Blobs:
    """All graphs, snapshots and training health of a directory, in the order of files, and in words what could not be read."""

    blobs: tuple[Blob, ...]
    problems: tuple[str, ...]


def event_files(directory: Place) -> list[Place]:
    """The event files of a directory, the oldest first; none where it cannot be read."""
    return [cast(Place, directory / name) for name in event_file_names(directory)]


def event_file_names(directory: Location) -> list[str]:
    """The names of the event files of a directory, the oldest first; none where it cannot be read."""
    try:
        names = names_in(directory)
    except OSError:
        return []
    return sorted(name for name in names if "tfevents" in name)


def read_blobs(directory: Location) -> Blobs:
    """Reads all of these of a directory. An incomplete record at the end is skipped; damage becomes a problem, and so does
    more training health than is held."""
    blobs: list[Blob] = []
    problems: list[str] = []
    health, events, beyond = 0, 0, False
    for path in event_files(directory):
        for item in scan(path):
            if isinstance(item, Blob) and item.tag == metadata.HEALTH_TAG:
                health += HEALTH_EVENT + len(item.content)
                if health <= MOST_HEALTH:
                    blobs.append(item)
                    events += 1
                elif not beyond:
                    beyond = True
                    problems.append(health_beyond(events, item.step))
            elif isinstance(item, Blob):
                blobs.append(item)
            elif item.kind == "newer":
                problems.append(item.text)
            elif item.kind != "torn":
                problems.append(f"{path.name}: {item.text}")
    return Blobs(tuple(blobs), tuple(problems))


def scan(path: Location) -> Iterator[Blob | Flaw]:
    """Reads one event file: our blobs and flaws, in the order of the file."""
    try:
        with open_own(path) as file:
            read = 0
            try:
                for record in records(file):
                    read += OVERHEAD + len(record)
                    yield from _ours(record)
            except DamagedRecordError as error:
                yield Flaw("damaged", str(error))
                return
            missing = status_of(file).st_size - read
            if missing > 0:
                yield Flaw("torn", f"ends in the middle of a record ({missing:,} bytes).")
    except OSError as error:
        yield Flaw("unreadable", f"{error.strerror or error}.")


def _ours(record: bytes) -> Iterator[Blob | Flaw]:
    event = event_pb2.Event()
    try:
        event.ParseFromString(record)
    except DecodeError as error:
        yield Flaw("undecodable", f"an event cannot be decoded: {error}.")
        return
    for value in event.summary.value:
        if value.tag not in _TAGS or len(value.tensor.string_val) != 1:
            continue
        version = metadata.format_version(value.metadata.plugin_data.content)
        if version != metadata.FORMAT_VERSION:
            yield Flaw("newer", metadata.newer_version(version))
            continue
        yield Blob(value.tag, event.step, event.wall_time, value.tensor.string_val[0])
