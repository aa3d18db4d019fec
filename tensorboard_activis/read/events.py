"""Our blobs in the event files of one run directory, for `open_run`; the plugin gets the same from TensorBoard."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2

from tensorboard_activis import metadata
from tensorboard_activis.framing import DamagedRecordError, records


@dataclass(frozen=True)
class Blob:
    """One graph or snapshot as it lies in an event file, not yet decoded."""

    tag: str
    step: int
    wall_time: float
    content: bytes


@dataclass(frozen=True)
class Blobs:
    """What was found, in the order of files, and in words what could not be read."""

    blobs: tuple[Blob, ...]
    problems: tuple[str, ...]


def read_blobs(directory: Path) -> Blobs:
    """All our blobs below `directory`. A half-written record is left for later; damage is a problem, no error."""
    blobs: list[Blob] = []
    problems: list[str] = []
    for path in sorted(directory.glob("*tfevents*")):
        try:
            with path.open("rb") as file:
                for record in records(file):
                    blobs.extend(_ours(record, path.name, problems))
        except (OSError, DamagedRecordError) as error:
            problems.append(f"{path.name}: {error}")
    return Blobs(tuple(blobs), tuple(problems))


def _ours(record: bytes, name: str, problems: list[str]) -> Iterator[Blob]:
    event = event_pb2.Event()
    try:
        event.ParseFromString(record)
    except DecodeError as error:
        problems.append(f"{name}: an event cannot be decoded: {error}.")
        return
    for value in event.summary.value:
        if value.tag not in (metadata.GRAPH_TAG, metadata.SNAPSHOT_TAG) or len(value.tensor.string_val) != 1:
            continue
        version = metadata.format_version(value.metadata.plugin_data.content)
        if version != metadata.FORMAT_VERSION:
            problems.append(metadata.newer_version(version))
            continue
        yield Blob(value.tag, event.step, event.wall_time, value.tensor.string_val[0])
