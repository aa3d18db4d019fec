"""Checks the event files of a directory: the checksums of every record, every event, graph and snapshot."""

from dataclasses import dataclass

from tensorboard_activis import codec, metadata, schema
from tensorboard_activis.blobs import Blob, Flaw, event_files, scan
from tensorboard_activis.check.report import Report
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.health_codec import decode_health
from tensorboard_activis.stores.path import Location

#: By kind of flaw, what can still be recovered from the file; `{}` is what was read before it.
_LEFT = {
    "unreadable": "Nothing of this file.",
    "damaged": "{} before it. TensorBoard reads no further in this file; others are not affected.",
    "torn": "{} before it. The process that wrote it was killed while it wrote the next event, which is lost.",
    "undecodable": "Everything else in this file.",
    "newer": "Nothing of it here, and all of it with the newer version.",
}

_KINDS = {
    metadata.GRAPH_TAG: "graph",
    metadata.SNAPSHOT_TAG: "snapshot",
    metadata.HEALTH_TAG: "training health",
}


@dataclass(frozen=True, slots=True)
class Events:
    """What could be decoded.

    Attributes:
        snapshots: each once, in the order in which they were announced last.
        nodes: node keys of all graphs; None without a graph.
    """

    snapshots: list[schema.Snapshot]
    nodes: set[str] | None


def check_events(directory: Location, report: Report) -> Events:
    """Reads all event files of a directory to the end; adds faults to the report."""
    nodes: set[str] | None = None
    # Where an event file was copied, its snapshots are announced twice; each is looked at once, and the last time counts.
    seen: dict[str, schema.Snapshot] = {}
    for path in event_files(directory):
        steps: list[int] = []
        for one in scan(path):
            if isinstance(one, Flaw):
                report.add(path.name, one.text, _LEFT[one.kind].format(_counted(steps)))
                continue
            try:
                if one.tag == metadata.GRAPH_TAG:
                    nodes = (nodes or set()) | {node.key for node in codec.decode_graph(one.content).nodes}
                    continue
                if one.tag == metadata.HEALTH_TAG:
                    decode_health(one.content)
                    continue
                digest = codec.digest_of(one.content)
                snapshot = seen.pop(digest, None) or codec.decode_snapshot(one.content)
                seen[digest] = snapshot
                _check_agreement(one, snapshot.step, path.name, report)
                steps.append(snapshot.step)
            except UnreadableError as error:
                what = _KINDS[one.tag]
                report.add(f"{path.name}, {what} of step {one.step}", str(error), "Every other event of this file.")
    if seen and nodes is None:
        report.add("graph", "No event holds one that can be read.", "The snapshots, without the picture of the model.")
    return Events(list(seen.values()), nodes)


def _check_agreement(blob: Blob, step: int, name: str, report: Report) -> None:
    if blob.step != step:
        report.add(
            f"{name}, snapshot of step {blob.step}",
            f"Its event says step {blob.step}, the snapshot itself {step}.",
            "The snapshot, under its own step.",
        )


def _counted(steps: list[int]) -> str:
    if not steps:
        return "No snapshot of this file is complete"
    shown = f"step {steps[0]}" if len(steps) == 1 else f"steps {min(steps)} to {max(steps)}"
    return f"{len(steps)} snapshot{'s' if len(steps) > 1 else ''} ({shown})"
