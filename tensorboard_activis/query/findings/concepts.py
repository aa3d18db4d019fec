"""Directions of what fails: a failing slice or a shortcut as a concept in the last layer before the scores."""

from collections.abc import Sequence

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.causes.regression import Regression, regression
from tensorboard_activis.query.findings.conditions import LEAST_INSTANCES
from tensorboard_activis.query.findings.finding import Finding, shown_number
from tensorboard_activis.query.findings.scan import LEVEL
from tensorboard_activis.query.findings.suspects import last_layer
from tensorboard_activis.query.instances.classes import is_classes, label_values
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.neurons.concept import concept
from tensorboard_activis.read.snapshot import SnapshotReader

SHUFFLES = 199
#: Instances that the shuffles are of, the first of the sample; and slices that are looked at.
MOST_INSTANCES, MOST_SUBSETS = 8_192, 3
#: A direction that tells the subset from the others no better than this says nothing.
LEAST_AUC = 0.7


def concepts(snapshots: Sequence[SnapshotReader], found: Sequence[Finding]) -> list[Finding]:
    """Directions of the failing slices and shortcuts that were found in the last snapshot, and which class each moves.

    Arguments:
        snapshots: steps ascending.
        found: what was found.
    """
    last = snapshots[-1]
    layer = last_layer(last)
    subsets = [one for one in found if one.kind in ("failing-slice", "shortcut") and one.subset is not None]
    if layer is None:
        return []
    made = [_finding(last, layer, one) for one in sorted(subsets, key=lambda one: -one.strength)[:MOST_SUBSETS]]
    return [one for one in made if one is not None]


def _finding(snapshot: SnapshotReader, layer: str, about: Finding) -> Finding | None:
    assert about.subset is not None
    try:
        made, told = concept(snapshot, layer, Row(expression=about.subset)), regression(snapshot, layer)
        if min(made.n, made.rest) < LEAST_INSTANCES or not made.changes or not isinstance(told, Regression):
            return None
        p = _p(snapshot, layer, about.subset, told)
    except ActiVisError:
        return None
    moved = made.changes[0]
    if not made.auc >= LEAST_AUC or p > LEVEL or not made.estimate.reliable:
        return None
    return Finding(
        kind="concept",
        title=f"{about.title.removesuffix(' fails')} is a direction of {layer} that moves {moved.class_}",
        sentence=f"In {layer}, {about.subset} is a direction: from the mean of the {made.rest:,} others to that of its {made.n:,} "
        f"instances the logit of {moved.class_} changes by {moved.change:+.2f} ({made.estimate.words}); held out, an instance of "
        f"it lies further along than another one in {100 * made.auc:.0f} % of pairs; p = {shown_number(p)} over "
        f"{len(made.changes):,} classes, {SHUFFLES} shuffles within the label.",
        strength=float(np.clip(2 * made.auc - 1, 0, 1)),
        p=p,
        subset=about.subset,
        layer=layer,
        target=moved.class_,
        instances=about.instances,
        step=about.step,
    )


def _p(snapshot: SnapshotReader, layer: str, expression: str, told: Regression) -> float:
    """Share of shuffles within the label, this one counted in, in which some class is moved as far.

    A mean difference of activations times the weights is the mean difference of the fitted logits, so that only these are shuffled.
    """
    count = min(MOST_INSTANCES, snapshot.record.sample_size)
    half = snapshot.activations(layer)[:count]
    inside = matching(snapshot, expression)[:count]
    usable = np.isfinite(half).all(axis=1)
    labels = label_values(snapshot)
    strata = labels[:count][usable] if labels is not None and is_classes(labels) else np.zeros(int(usable.sum()), int)
    inside = inside[usable]
    if not inside.any() or inside.all():
        return 1.0
    fitted = (widen(np.ascontiguousarray(half[usable])) @ told.weights.T).astype(np.float64)
    fitted -= fitted.mean(axis=1, keepdims=True)
    fitted -= fitted.mean(axis=0)
    order = np.argsort(strata, kind="stable")
    masks = [inside]
    for number in range(SHUFFLES):
        random = np.random.default_rng((5, number))
        shuffled = np.empty_like(inside)
        shuffled[order] = inside[np.lexsort((random.random(strata.size), strata))]
        masks.append(shuffled)
    check_time()
    sizes = inside.sum()
    sums = np.array(masks, np.float64) @ fitted
    # The fitted logits are about their mean, so that the others' sum is minus that of the subset.
    largest = np.abs(sums * (1 / sizes + 1 / (inside.size - sizes))).max(axis=1)
    return (1 + int((largest[1:] >= largest[0] - 1e-9).sum())) / (1 + SHUFFLES)
