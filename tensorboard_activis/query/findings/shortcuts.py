"""Shortcuts: a condition on the columns with which instances of other classes are taken for one class."""

from collections.abc import Sequence
from functools import cache
from math import comb

import numpy as np

from tensorboard_activis.expression import writing
from tensorboard_activis.query.findings.conditions import LEAST_INSTANCES, Condition, Conditions
from tensorboard_activis.query.findings.finding import Finding, percent, shown_number
from tensorboard_activis.query.findings.outcomes import LEAST_ERRORS, Outcomes, conditions_of, fails, outcomes
from tensorboard_activis.query.findings.scan import LEVEL
from tensorboard_activis.query.findings.steps import first_step
from tensorboard_activis.query.instances.classes import class_name, is_classes, prediction_values
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

MOST_FINDINGS = 5
#: The share of the instances that must be taken for the class beyond what is expected: less than in a slice, of which all errors
#: count, for here only those of one kind do.
LEAST_EXCESS = 0.05
PERMUTATIONS = 199
#: Of the errors with a class, where the condition is true, the share that must be taken for it and not missed of it, more than
#: chance makes it, at a level of .05: exact for few errors, by the normal distribution for many.
SHARE, _LEVEL_Z, _EXACT = 0.75, 1.645, 100
#: Or the share of the instances with the condition by which the ones must outnumber the others.
LEAST_SURPLUS = 0.1
#: Classes that are looked at, those that most are taken for; and different labels, of which more are no classes.
_MOST_CLASSES, _MOST_LABELS = 256, 10_000
_MOST_LISTED = 1_000


def shortcuts(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
    """Conditions with which other classes are taken for one class far more often than without, at most one per class.

    The statistic is that of `query.findings.scan` with "taken for this class" as the error, of the instances of other labels;
    its p-value is that of the largest over all conditions and classes when predictions are shuffled within each label.

    Arguments:
        snapshots: steps ascending.
    """
    last = snapshots[-1]
    judged, predictions = outcomes(last), prediction_values(last)
    if judged is None or not judged.labelled or not is_classes(predictions) or predictions is None:
        return []
    if np.unique(judged.strata).size > _MOST_LABELS:
        return []
    made = conditions_of(last)
    chosen = [place for place, one in enumerate(made.conditions) if one.column != "label"]
    table = _Table(made.members[chosen], judged.strata, predictions[judged.known])
    if not chosen or not table.classes.size:
        return []
    statistic = table.statistic(table.taken)
    enough = fails(table.n, table.taken_counts, table.expected, LEAST_EXCESS) & table.one_sided()
    shown = np.where(enough, statistic, 0)
    best = sorted(((float(shown[:, c].max()), c) for c in range(table.classes.size)), reverse=True)
    if not best[0][0]:
        return []
    maxima = table.maxima(best[0][0])
    found: list[Finding] = []
    for value, c in best[:MOST_FINDINGS]:
        p = (1 + int((maxima >= value).sum())) / (1 + maxima.size)
        if value and p <= LEVEL:
            condition = made.conditions[chosen[int(shown[:, c].argmax())]]
            members = made.members[chosen[int(shown[:, c].argmax())]]
            found.append(_finding(snapshots, condition, members, int(table.classes[c]), p, table.candidates, made))
    return found


class _Table:
    """Counts of conditions × classes: instances of other labels, and those of them that are taken for the class.

    Arguments:
        members: bool [conditions, instances].
        labels, predictions: int [instances].
    """

    def __init__(self, members: np.ndarray, labels: np.ndarray, predictions: np.ndarray) -> None:
        self._by_instance = np.ascontiguousarray(members.T)
        wrong = np.flatnonzero((labels != predictions) & (predictions >= 0))
        classes, counts = np.unique(predictions[wrong], return_counts=True)
        often = np.sort(np.argsort(-counts, kind="stable")[:_MOST_CLASSES])
        self.classes = classes[often][counts[often] >= LEAST_ERRORS]
        wrong = wrong[np.isin(predictions[wrong], self.classes)]
        codes = np.searchsorted(self.classes, predictions[wrong])
        self.taken = (wrong, codes)
        self._totals = np.bincount(codes, minlength=self.classes.size).astype(float)
        names, strata = np.unique(labels, return_inverse=True)
        sizes = np.bincount(strata)
        rates = np.zeros((names.size, self.classes.size))
        np.add.at(rates, (strata[wrong], codes), 1.0)
        rates /= sizes[:, None]
        inside = np.stack([np.bincount(strata[row], minlength=names.size) for row in members]) if len(members) else 0
        self.expected = inside @ rates if len(members) else np.zeros((0, self.classes.size))
        own = names[:, None] == self.classes
        self.n = members.sum(axis=1)[:, None] - (inside @ own.astype(int) if len(members) else 0)
        self.taken_counts = self.counts(self.taken)
        said = (predictions[:, None] == self.classes).astype(np.float32)
        of_class = inside @ own.astype(int) if len(members) else np.zeros((0, self.classes.size))
        self._of_class = of_class, (members.astype(np.float32) @ said).astype(int)
        order = np.argsort(strata, kind="stable")
        of_label = np.split(order, np.cumsum(sizes)[:-1])
        self._parts = [(part, codes[strata[wrong] == c]) for c, part in enumerate(of_label)]

    def one_sided(self) -> np.ndarray:
        """Where far more instances are taken for the class than are missed of it, bool [conditions, classes].

        A column that says something about the class is used by any good model, and its errors go both ways. Of a shortcut at
        least three of four go this one, by a binomial test, or more than the others by a tenth of all instances with the
        condition.
        """
        of_class, taken_in_all = self._of_class
        missed = of_class - (taken_in_all - self.taken_counts)
        both = self.taken_counts + missed
        enough = SHARE * both + 0.5 + _LEVEL_Z * np.sqrt(both * SHARE * (1 - SHARE))
        few = both <= _EXACT
        enough[few] = _fewest()[both[few].astype(int)]
        far: np.ndarray = self.taken_counts >= enough
        far |= self.taken_counts - missed >= LEAST_SURPLUS * (self.n + of_class)
        return far

    @property
    def candidates(self) -> int:
        """Conditions × classes that are looked at."""
        return int((self.n >= LEAST_INSTANCES).sum())

    def counts(self, taken: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """How many instances of each condition are taken for each class."""
        rows = self._by_instance[taken[0]].astype(np.float32)
        return np.asarray(rows.T @ np.eye(self.classes.size, dtype=np.float32)[taken[1]])

    def statistic(self, taken: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """The statistic of every condition and class, 0 where there are no more than expected."""
        k, total = self.counts(taken).astype(float), self._totals
        value = np.zeros(k.shape)
        here = (self.n >= LEAST_INSTANCES) & (k > self.expected + 1e-9)
        count, e, of_class = k[here], self.expected[here], np.broadcast_to(total, k.shape)[here]
        rest = of_class - count
        value[here] = count * np.log(count / e)
        value[here] += rest * np.log(np.maximum(rest, 1e-12) / np.maximum(of_class - e, 1e-12))
        return value

    def maxima(self, observed: float) -> np.ndarray:
        """The largest statistic of each shuffle; fewer where it is certain that the observed one is not significant."""
        found: list[float] = []
        reached = 0
        for number in range(PERMUTATIONS):
            check_time()
            random = np.random.default_rng((1, number))
            chosen = [
                (part[random.choice(part.size, codes.size, replace=False)], codes)
                for part, codes in self._parts
                if codes.size
            ]
            taken = (np.concatenate([where for where, _ in chosen]), np.concatenate([codes for _, codes in chosen]))
            found.append(float(self.statistic(taken).max(initial=0.0)))
            reached += found[-1] >= observed
            if reached > LEVEL * (PERMUTATIONS + 1) - 1:
                break
        return np.array(found)


@cache
def _fewest() -> np.ndarray:
    """The fewest of n errors, by n up to `_EXACT`, that at a share of `SHARE` are reached in at most 5 % of all cases."""
    fewest = []
    for n in range(_EXACT + 1):
        least, tail = n + 1, 0.0
        while (
            least
            and (tail := tail + comb(n, least - 1) * SHARE ** (least - 1) * (1 - SHARE) ** (n - least + 1)) <= LEVEL
        ):
            least -= 1
        fewest.append(least)
    return np.array(fewest)


def _finding(
    snapshots: Sequence[SnapshotReader],
    condition: Condition,
    members: np.ndarray,
    taken: int,
    p: float,
    candidates: int,
    made: Conditions,
) -> Finding:
    last = snapshots[-1]
    judged = taken_for(last, taken)
    assert judged is not None
    others = outcomes(last)
    assert others is not None
    inside = members[judged.known[others.known]]
    name = class_name(last, taken) or str(taken)
    missed = int((members & others.errors & (others.strata == taken)).sum())
    (with_it, of), (without, of_rest) = ((int(judged.errors[one].sum()), int(one.sum())) for one in (inside, ~inside))
    share, rest = with_it / max(1, of), without / max(1, of_rest)
    written = writing.quoted(name) if last.record.class_names else name
    note = f" {made.note}" if made.note else ""
    return Finding(
        kind="shortcut",
        title=f"{condition.shown} is taken for {name}",
        sentence=f"Where {condition.shown}, other classes are taken for {name} in {percent(share)} % ({with_it:,} of {of:,}), "
        f"elsewhere in {percent(rest)} % ({without:,} of {of_rest:,}), and {missed:,} of its own {'is' if missed == 1 else 'are'} "
        f"missed there; p = {shown_number(p)} over {candidates:,} candidates, "
        f"{PERMUTATIONS} shuffles.{note}",
        strength=max(0.0, share - rest),
        p=p,
        target=name,
        subset=f"{condition.expression} and label != {written}",
        instances=tuple(np.flatnonzero(judged.known)[inside & judged.errors][:_MOST_LISTED].tolist()),
        step=first_step(snapshots, lambda one: _still_taken(one, condition.expression, name, taken)),
    )


def taken_for(snapshot: SnapshotReader, taken: int) -> Outcomes | None:
    """The instances of other labels, where "wrong" is to be taken for this class."""
    judged, predictions = outcomes(snapshot), prediction_values(snapshot)
    if judged is None or predictions is None or not judged.labelled:
        return None
    others = judged.strata != taken
    known = judged.known.copy()
    known[judged.known] = others
    return Outcomes(known, predictions[known] == taken, judged.strata[others], True)


def _still_taken(snapshot: SnapshotReader, expression: str, name: str, taken: int) -> bool:
    if class_name(snapshot, taken) != name:
        return False
    judged = taken_for(snapshot, taken)
    return judged is not None and judged.fail_in(matching(snapshot, expression)[judged.known], LEAST_EXCESS)
