"""Right and wrong predictions of the kept instances, and whether a slice of them has more errors than its labels explain."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tensorboard_activis.query.findings.conditions import LEAST_INSTANCES, Conditions, conditions
from tensorboard_activis.query.findings.scan import LEVEL, MOST_PAIRED, label_rates
from tensorboard_activis.query.instances.classes import is_classes, label_values
from tensorboard_activis.read.snapshot import SnapshotReader, once_per_snapshot

Numbers: TypeAlias = Any
#: What a slice must have: errors, more of them than expected by this share of its instances, and so many times as many.
LEAST_ERRORS, LEAST_EXCESS, LEAST_RATIO = 5, 0.10, 1.5
#: Instances that are looked at; the first of the sample are a uniform sample.
MOST_INSTANCES = 1 << 17
_DRAWS = 199


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Which of the kept instances that were judged are wrong, and their labels.

    Attributes:
        known: which instances are looked at, bool [instances].
        errors: which of the known are wrong, bool [known].
        strata: their labels, int [known]; 0 where there are none.
        labelled: whether there are labels to compare within.
    """

    known: np.ndarray
    errors: np.ndarray
    strata: np.ndarray
    labelled: bool

    def expected_from_outside(self, members: np.ndarray) -> float:
        """Errors that the instances of a slice would have at the error rates of their labels outside of it.

        A label that is nowhere else has the error rate of all others. `members`: bool [known].
        """
        labels, codes = np.unique(self.strata, return_inverse=True)
        outside = np.bincount(codes[~members], minlength=labels.size)
        wrong = np.bincount(codes[~members & self.errors], minlength=labels.size)
        inside = np.bincount(codes[members], minlength=labels.size)
        overall = wrong.sum() / max(1, outside.sum())
        rates = np.where(outside > 0, wrong / np.maximum(outside, 1), overall)
        return float((inside * rates).sum())

    def fail_in(self, members: np.ndarray, excess: float = LEAST_EXCESS) -> bool:
        """Whether a slice that is known from elsewhere fails: by the rules of `fails`, and by a test of it alone."""
        n, k = int(members.sum()), int(self.errors[members].sum())
        expected = float(label_rates(self.strata, self.errors)[members].sum())
        return bool(fails(n, k, expected, excess)) and self._p(members, k) <= LEVEL

    def _p(self, members: np.ndarray, k: int) -> float:
        """Probability of at least k errors in a slice when errors are shuffled within the label, from 199 draws."""
        _, codes = np.unique(self.strata, return_inverse=True)
        wrong = np.bincount(codes, weights=self.errors).astype(np.int64)
        right = np.bincount(codes) - wrong
        inside = np.bincount(codes[members], minlength=wrong.size)
        drawn = np.random.default_rng(0).hypergeometric(wrong, right, inside, (_DRAWS, wrong.size)).sum(axis=1)
        return (1 + int((drawn >= k).sum())) / (_DRAWS + 1)


def fails(n: Numbers, k: Numbers, expected: Numbers, excess: float = LEAST_EXCESS) -> Numbers:
    """Whether slices of n instances with k errors have enough more than expected to be shown; of numbers or arrays of them."""
    enough = (n >= LEAST_INSTANCES) & (k >= LEAST_ERRORS)
    return enough & (k - expected >= excess * n) & (k >= LEAST_RATIO * expected)


@once_per_snapshot
def outcomes(snapshot: SnapshotReader) -> Outcomes | None:
    """Right and wrong predictions of a snapshot's sample; None where nothing was judged. Raises UnreadableError."""
    if "correct" not in snapshot.record.columns:
        return None
    correct = snapshot.column("correct")
    known = np.isin(correct, (0, 1))
    known[min(snapshot.record.sample_size, MOST_INSTANCES) :] = False
    labels = label_values(snapshot)
    labelled = labels is not None and is_classes(labels)
    strata = labels[known] if labels is not None and labelled else np.zeros(int(known.sum()), np.int32)
    return Outcomes(known, correct[known] == 0, strata, labelled)


@once_per_snapshot
def conditions_of(snapshot: SnapshotReader) -> Conditions:
    """The conditions on the columns of a snapshot, over the instances that were judged. Raises UnreadableError."""
    judged = outcomes(snapshot)
    known = np.zeros(snapshot.stored_instances, bool) if judged is None else judged.known
    return conditions(snapshot.instances, known)


def forget_conditions(snapshot: SnapshotReader) -> str:
    """Gives back the memory of `conditions_of`, which may be hundreds of megabytes; returns its note, empty without one."""
    made = snapshot.computed.pop((conditions_of.__wrapped__,), None)  # type: ignore[attr-defined]
    if not isinstance(made, Conditions):
        return ""
    count = len(made.conditions)
    paired = f"Pairs were made of the first {MOST_PAIRED:,} of {count:,} conditions, of every column in turn."
    return " ".join(note for note in (made.note, paired if count > MOST_PAIRED else "") if note)
