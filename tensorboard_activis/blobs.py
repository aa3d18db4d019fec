"""Our blobs in the event files of one run directory; the plugin gets the same from TensorBoard."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2

from tensorboard_activis import metadata
from tensorboard_activis.files import open_own
from tensorboard_activis.framing import OVERHEAD, DamagedRecordError, records


@dataclass(frozen=True)
class Blob:
    """One graph or snapshot as it lies in an event file, not yet decoded."""

    tag: str
    step: int
    wall_time: float
    content: bytes


@dataclass(frozen=True)
class Flaw:
    """What cannot be read in an event file.

    `kind` is "unreadable" (the file), "damaged" (it and all that follows), "torn" (half a record at the end), "undecodable" (one
    event) or "newer" (a format version that is not ours); `text` says it, without the file's name.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Blobs:
    """What was found, in the order of files, and in words what could not be read."""

    blobs: tuple[Blob, ...]
    problems: tuple[str, ...]


def event_files(directory: Path) -> list[Path]:
    """The event files of a directory, the oldest first; none where it cannot be read."""
    try:
        names = os.listdir(directory)  # a tenth of what `glob` takes, which is felt with hundreds of runs
    except OSError:
        return []
    return [directory / name for name in sorted(names) if "tfevents" in name]


def read_blobs(directory: Path) -> Blobs:
    """All our blobs in `directory`. A half-written record is left for later; damage is a problem, no error."""
    blobs: list[Blob] = []
    problems: list[str] = []
    for path in event_files(directory):
        for found in scan(path):
            if isinstance(found, Blob):
                blobs.append(found)
            elif found.kind == "newer":
                problems.append(found.text)
            elif found.kind != "torn":
                problems.append(f"{path.name}: {found.text}")
    return Blobs(tuple(blobs), tuple(problems))


def scan(path: Path) -> Iterator[Blob | Flaw]:
    """What one event file holds, in its order: our blobs, and what cannot be read."""
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
            missing = os.fstat(file.fileno()).st_size - read
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
        if value.tag not in (metadata.GRAPH_TAG, metadata.SNAPSHOT_TAG) or len(value.tensor.string_val) != 1:
            continue
        version = metadata.format_version(value.metadata.plugin_data.content)
        if version != metadata.FORMAT_VERSION:
            yield Flaw("newer", metadata.newer_version(version))
            continue
        yield Blob(value.tag, event.step, event.wall_time, value.tensor.string_val[0])
