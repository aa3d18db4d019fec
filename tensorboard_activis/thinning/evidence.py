"""Measures what findings will ask of a step when the activations of its instances are gone, and what is found at it."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.findings.collapsed import variation
from tensorboard_activis.query.findings.decodable import accuracies
from tensorboard_activis.query.findings.search import search_within
from tensorboard_activis.query.findings.spikes import step_distances
from tensorboard_activis.query.findings.suspects import contradicted
from tensorboard_activis.query.limits import TooLargeError, time_limit
from tensorboard_activis.read.snapshot import SnapshotReader

Value = TypeVar("Value")
#: Seconds for each of: what later findings ask of a step, and what is found at it.
SECONDS = 5.0


def measure(snapshots: Sequence[SnapshotReader], after: SnapshotReader | None) -> bytes:
    """The evidence of a snapshot as JSON; what takes too long is left out, and so is what cannot be read.

    Arguments:
        snapshots: of one run, steps ascending, up to the one that is measured.
        after: the step after it.
    """
    snapshot = snapshots[-1]
    made: dict[str, Any] = {}
    try:
        with time_limit(SECONDS):
            made["variation"] = _by_layer(snapshot, lambda name: [_json(one) for one in variation(snapshot, name)])
            if len(snapshots) > 1:
                made["before"] = _neighbour(snapshots[-2], [snapshots[-2], snapshot], snapshot.layers)
            if after is not None:
                made["after"] = _neighbour(after, [snapshot, after], snapshot.layers)
            rows = _or_none(lambda: contradicted(snapshot))
            made["suspects"] = None if rows is None else rows.tolist()
            made["known"] = _or_none(lambda: accuracies(snapshot)) or {}
    except TooLargeError:
        pass
    found = search_within(snapshots, SECONDS)
    made["findings"] = [asdict(one) for one in found.findings]
    made["notes"] = list(found.notes)
    return json.dumps(_finite(made), separators=(",", ":")).encode()


def _neighbour(other: SnapshotReader, pair: Sequence[SnapshotReader], layers: Iterable[str]) -> dict[str, Any]:
    distances = {name: _json(step_distances(pair, name)[0]) for name in layers}
    return {"record": other.record_digest, "distances": distances}


def _by_layer(snapshot: SnapshotReader, figure: Callable[[str], Value]) -> dict[str, Value]:
    found = {name: _or_none(lambda name=name: figure(name)) for name in snapshot.layers}  # type: ignore[misc]
    return {name: value for name, value in found.items() if value is not None}


def _or_none(figure: Callable[[], Value]) -> Value | None:
    """The value; None where it cannot be read."""
    try:
        return figure()
    except TooLargeError:
        raise
    except ActiVisError:
        return None


def _json(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return _json(value) if isinstance(value, float) else value
