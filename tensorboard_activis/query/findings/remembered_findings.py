"""The findings of a step that was thinned: those that were written when its activations were still there."""

from collections.abc import Mapping
from typing import Any, cast

from tensorboard_activis.query.findings.finding import KINDS, Finding, FindingKind, Findings, ranked
from tensorboard_activis.query.findings.remembered import evidence
from tensorboard_activis.read.snapshot import SnapshotReader

#: More of them than are ever found in a snapshot, or indices in one, are not written by us.
_MOST, _MOST_INDICES = 1_000, 1 << 20


def remembered_findings(snapshot: SnapshotReader, note: str) -> Findings:
    """What was found at a snapshot before it was thinned; `note` comes first in its notes."""
    known = evidence(snapshot)
    read = [_finding(one, snapshot) for one in (known.findings or ())[:_MOST]]
    notes = [note, *known.notes[:_MOST]]
    if known.findings is None or None in read:
        notes.append("What was found at it was not written, or cannot be read.")
    return Findings(ranked(one for one in read if one is not None), tuple(notes))


def _finding(content: Mapping[str, Any], snapshot: SnapshotReader) -> Finding | None:
    """One finding; None where a field is none that we write, or names what the snapshot does not have."""
    texts = [content.get(name) for name in ("kind", "title", "sentence")]
    perhaps = {name: content.get(name) for name in ("subset", "layer", "target")}
    numbers = [content.get("strength"), content.get("step")]
    p = content.get("p")
    indices = {name: content.get(name, []) for name in ("neurons", "instances")}
    layer = snapshot.layers.get(perhaps["layer"]) if isinstance(perhaps["layer"], str) else None
    width = 0 if layer is None else layer.neurons
    fits = (
        all(isinstance(one, str) for one in texts)
        and texts[0] in KINDS
        and all(one is None or isinstance(one, str) for one in perhaps.values())
        and (perhaps["layer"] is None or layer is not None)
        and all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers)
        and type(numbers[1]) is int
        and (p is None or isinstance(p, int | float))
        and _within(indices["neurons"], width)
        and _within(indices["instances"], snapshot.stored_instances)
    )
    if not fits:
        return None
    return Finding(
        kind=cast(FindingKind, texts[0]),
        title=str(texts[1]),
        sentence=str(texts[2]),
        strength=float(cast(float, numbers[0])),
        p=None if p is None else float(p),
        neurons=tuple(indices["neurons"]),
        instances=tuple(indices["instances"]),
        step=cast(int, numbers[1]),
        **perhaps,
    )


def _within(values: object, end: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= _MOST_INDICES
        and all(type(one) is int and 0 <= one < end for one in values)
    )
