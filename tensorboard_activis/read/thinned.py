"""Reads what is left of thinned snapshots: which files stand in for removed ones, and what findings rest on there.

A snapshot is thinned where a file that its event names is missing, and the file of the name that `metadata.stand_in` makes of it is
there. So nothing in an event file changes, and a crash between the writing of the one and the removal of the other leaves the
snapshot whole.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorboard_activis import metadata
from tensorboard_activis.errors import ThinnedError, UnreadableError
from tensorboard_activis.files import is_there
from tensorboard_activis.read.array_file import ArrayFile
from tensorboard_activis.stores.path import Location

#: Key in the header's metadata of a stand-in: how many snapshots the run kept whole when this one was thinned.
KEEP_KEY = "activis.keep"
#: The tensor with `Evidence`, as JSON in UTF-8.
EVIDENCE_TENSOR = "evidence"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Distances 1 − CKA to a step beside this one, by layer; `record` is the digest of its record."""

    record: str
    distances: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What findings of later steps ask of a thinned one and its instances' activations were needed for.

    Attributes:
        variation: by layer: instances looked at, the share of the first principal component, the effective rank.
        before, after: the steps beside it when it was thinned.
        suspects: indices of instances whose label network and neighbours contradict; None: not known.
        known: by column and layer, the balanced accuracy with which the layer tells the column's values.
        findings, notes: what was found at the step itself, not yet checked; None: it was not looked for.
    """

    variation: Mapping[str, tuple[int, float, float]] = field(default_factory=dict)
    before: Neighbour | None = None
    after: Neighbour | None = None
    suspects: np.ndarray | None = None
    known: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    findings: Sequence[Mapping[str, Any]] | None = None
    notes: Sequence[str] = ()


def stand_in(directory: Location, files: Sequence[str]) -> str | None:
    """The name of the file that stands in for these, one of which is missing; None where all are there, or none stands in."""
    lost = next((name for name in files if not is_there(directory, name)), None)
    if lost is None or not metadata.is_file_name(lost):
        return None
    name = metadata.stand_in(lost)
    return name if is_there(directory, name) else None


def find_remains(directory: Location, files: Sequence[str]) -> ArrayFile | None:
    """The file that stands in for these; None where all are there, or none stands in that can be read."""
    name = stand_in(directory, files)
    try:
        return None if name is None else ArrayFile(directory / name)
    except UnreadableError:
        return None


def thinned_error(name: str, file: ArrayFile) -> ThinnedError:
    """The error about an array of the file `name` that is not in its stand-in."""
    found = metadata.snapshot_of(name)
    step = "this step" if found is None else f"step {found[0]}"
    return ThinnedError(thinned_text(step, keep_of(file)))


def thinned_text(step: str, keep: int) -> str:
    """What became of a step, in words."""
    return (
        f"The activations of single instances at {step} were thinned (keep={keep}) to bound the disk. Its summaries, metrics and "
        "findings are there."
    )


def keep_of(file: ArrayFile) -> int:
    """How many snapshots the run kept whole; 0 where the file does not say."""
    text = file.header.metadata.get(KEEP_KEY, "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def read_evidence(file: ArrayFile | None) -> Evidence:
    """What a stand-in says for findings, as far as it can be read, for anybody may have written it; of none, nothing."""
    if file is None:
        return Evidence()
    try:
        tensor = file.tensor(EVIDENCE_TENSOR)
        if tensor.dtype != "uint8":
            return Evidence()
        content = json.loads(file.read(tensor).tobytes())
    except (UnreadableError, ValueError, RecursionError):
        return Evidence()
    if not isinstance(content, dict):
        return Evidence()
    variation = {
        name: (int(values[0]), _number(values[1]), _number(values[2]))
        for name, values in _mapping(content.get("variation")).items()
        if isinstance(values, list) and len(values) == 3 and type(values[0]) is int
    }
    rows = content.get("suspects")
    whole = isinstance(rows, list) and all(type(row) is int and 0 <= row < 1 << 40 for row in rows)
    return Evidence(
        variation,
        _neighbour(content.get("before")),
        _neighbour(content.get("after")),
        np.array(rows, np.int64) if whole else None,
        {column: _numbers(by_layer) for column, by_layer in _mapping(content.get("known")).items()},
        [_mapping(one) for one in found] if isinstance(found := content.get("findings"), list) else None,
        [one for one in notes if isinstance(one, str)] if isinstance(notes := content.get("notes"), list) else (),
    )


def _neighbour(value: object) -> Neighbour | None:
    content = _mapping(value)
    record = content.get("record")
    return Neighbour(record, _numbers(content.get("distances"))) if isinstance(record, str) else None


def _numbers(value: object) -> dict[str, float]:
    return {name: _number(one) for name, one in _mapping(value).items()}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
