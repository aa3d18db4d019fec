"""Evaluation instances that are also in the training data, where the logger was given it (`train_data=`)."""

from collections.abc import Sequence

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.findings.finding import Finding, counted, percent
from tensorboard_activis.query.findings.outcomes import outcomes
from tensorboard_activis.query.findings.steps import first_step
from tensorboard_activis.read.snapshot import SnapshotReader

#: Instances that a finding lists.
_MOST_LISTED = 1_000
_COLUMN = "in_training"


def duplicates(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
    """Kept instances of the last snapshot that are also in the training data, as one finding: the same first, then near ones.

    Arguments:
        snapshots: steps ascending.
    """
    last = snapshots[-1]
    kinds = _kinds(last)
    if kinds is None or last.record.training is None:
        return []
    same, near = np.flatnonzero(kinds == "same"), np.flatnonzero(kinds == "near")
    if not same.size and not near.size:
        return []
    looked = counted(last.record.training.instances, "training instance")
    which = f"{looked} were looked at" if last.record.training.complete else f"the first {looked} were looked at"
    kept = f"{kinds.size:,} {'kept ' if last.record.seen > kinds.size else ''}evaluation instances"
    if same.size:
        sentence = f"{same.size:,} of {kept} {_are(same.size)} also in the training data, input by input"
        sentence += f", and {near.size:,} more nearly" if near.size else ""
    else:
        sentence = f"{near.size:,} of {kept} {_are(near.size)} nearly in the training data"
    both = np.concatenate([same, near])
    return [
        Finding(
            kind="duplicates",
            title=f"{counted(both.size, 'evaluation instance')} {_are(both.size)} in the training data",
            sentence=f"{sentence} ({which}).{_accuracies(last, both)}",
            strength=both.size / kinds.size,
            subset=f'{_COLUMN} == "same"' if not near.size else f'{_COLUMN} in ("same", "near")',
            instances=tuple(both[:_MOST_LISTED].tolist()),
            step=first_step(snapshots, _has_any),
        )
    ]


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _kinds(snapshot: SnapshotReader) -> np.ndarray | None:
    """How each instance of the sample was found in the training data; None where nobody looked. Raises UnreadableError."""
    if snapshot.record.training is None or _COLUMN not in snapshot.instances.column_names:
        return None
    return np.array(snapshot.instances.column(_COLUMN).to_pylist()[: snapshot.record.sample_size], object)


def _has_any(snapshot: SnapshotReader) -> bool:
    """Whether instances were found at another step. Raises ActiVisError."""
    kinds = _kinds(snapshot)
    return kinds is not None and bool(np.isin(kinds, ("same", "near")).any())


def _accuracies(snapshot: SnapshotReader, inside: np.ndarray) -> str:
    """How right the model is with these instances and without, as a sentence; empty where it is not known."""
    try:
        judged = outcomes(snapshot)
    except ActiVisError:
        return ""
    if judged is None:
        return ""
    members = np.zeros(judged.known.size, bool)
    members[inside] = True
    members = members[judged.known]
    if not members.any() or members.all():
        return ""
    with_them, without = 1 - judged.errors.mean(), 1 - judged.errors[~members].mean()
    return f" Of the kept ones {percent(float(with_them))} % are right, without these {percent(float(without))} %."
