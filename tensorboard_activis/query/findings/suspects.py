"""Labels that are probably wrong: the network is sure of another class, and so are the neighbours.

Source: Northcutt, Jiang, Chuang, "Confident learning: estimating uncertainty in dataset labels", 2021.
"""

from collections.abc import Sequence

import numpy as np

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.query.arithmetic.blocks import SCRATCH
from tensorboard_activis.query.arithmetic.halffloat import not_finite
from tensorboard_activis.query.findings.finding import Finding, counted, percent
from tensorboard_activis.query.findings.label_noise import wrong_probabilities
from tensorboard_activis.query.findings.outcomes import outcomes
from tensorboard_activis.query.findings.remembered import is_thinned, remembered_suspects
from tensorboard_activis.query.findings.steps import first_step
from tensorboard_activis.query.instances.classes import class_name, highest_class, identifier, is_classes, label_values
from tensorboard_activis.query.instances.shared import shared_instances
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Neighbours that are asked, and the share of them that must have another label.
NEIGHBOURS = 10
LEAST_DISAGREE = 0.9
#: How many of them must have the class that the network says, and how many more for each that has the label itself.
LEAST_AGREE, MORE_AGREE = 6, 3
#: How probably the label must be wrong.
LEAST_PROBABLE = 0.9
#: Instances whose neighbours are looked for, those of the clearest scores.
MOST_ASKED = 500
#: Labels that are followed over the steps, the clearest; and steps that are looked back at.
_MOST_FOLLOWED, _STEPS_BACK = 50, 20
_COLUMNS = {"label_score", "top_classes", "top_scores"}
#: A network that is wrong as often contradicts right labels, too, which is said.
_OFTEN_WRONG = 0.1
#: A model that contradicts more of the labels than this is not good enough to judge them.
_MOST_SHARE = 0.2


def suspects(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
    """Kept instances of the last snapshot whose label both the network and their neighbours contradict, as one finding.

    The network contradicts a label where the score of another class is at least the mean score that the instances of that class
    have for it (confident learning), and where the label is wrong with a probability of at least .9
    (`findings.label_noise`); the neighbours, in the last layer before the scores, where nine of the ten nearest have
    other labels, and six that class, or nine where one has the label itself.

    Arguments:
        snapshots: steps ascending. It holds since the step from which on at least half of these labels are contradicted so.
    """
    last = snapshots[-1]
    labels = label_values(last)
    if labels is None or not is_classes(labels) or not _COLUMNS.issubset(last.record.columns):
        return []
    labels = labels[: last.record.sample_size]
    suggested, margins = _contradicted(last, labels)
    layer = last_layer(last)
    if layer is None or int((suggested >= 0).sum()) > _MOST_SHARE * labels.size:
        return []
    asked = _probably_wrong(last, labels, suggested)
    if not asked.size:
        return []
    asked = asked[np.argsort(-margins[asked], kind="stable")]
    said = f" Of {asked.size:,} such, the clearest {MOST_ASKED} were looked at." if asked.size > MOST_ASKED else ""
    asked = asked[:MOST_ASKED]
    near = nearest(last.activations(layer)[: labels.size], asked, NEIGHBOURS)
    flagged = asked[_neighbours_contradict(labels, near, asked, suggested)]
    if not flagged.size:
        return []
    first = int(flagged[0])
    names = [class_name(last, int(one)) for one in (labels[first], suggested[first])]
    return [
        Finding(
            kind="label-suspect",
            title=f"{counted(flagged.size, 'label')} to look at",
            sentence=f"Of {labels.size:,} instances the network contradicts the {'labels' if flagged.size > 1 else 'label'} of "
            f"{flagged.size:,} (wrong with a probability of at least {LEAST_PROBABLE:g}), and so do at least "
            f"{LEAST_DISAGREE * NEIGHBOURS:.0f} of their {NEIGHBOURS} nearest neighbours in {layer}; the clearest is "
            f"{identifier(last, first)}, labelled {names[0]}, which looks like {names[1]}.{said}"
            f"{_often_wrong(last, flagged.size)}",
            strength=float(np.clip(margins[flagged].mean(), 0, 1)),
            layer=layer,
            instances=tuple(flagged.tolist()),
            step=first_step(snapshots, lambda one: _still_suspect(one, last, flagged[:_MOST_FOLLOWED]), _STEPS_BACK),
        )
    ]


def _often_wrong(snapshot: SnapshotReader, listed: int) -> str:
    """How often the network is wrong, as a sentence, where that is often; else empty."""
    judged = outcomes(snapshot)
    share = float(judged.errors.mean()) if judged is not None and judged.errors.size else 0.0
    if share < _OFTEN_WRONG:
        return ""
    which = "some of these may be errors" if listed > 1 else "this may be an error"
    return f" It is wrong in {percent(share)} %, so that {which} of its own."


def _still_suspect(snapshot: SnapshotReader, last: SnapshotReader, flagged: np.ndarray) -> bool:
    """Whether network and neighbours contradict at least half of these labels at another step. Raises ActiVisError."""
    labels, layer = label_values(snapshot), last_layer(snapshot)
    if labels is None or not is_classes(labels) or layer is None:
        return False
    indices, others = shared_instances(last, snapshot)
    here = others[np.isin(indices, flagged)]
    labels = labels[: snapshot.record.sample_size]
    here = here[here < labels.size]
    if not here.size:
        return False
    if is_thinned(snapshot):
        return 2 * int(np.isin(here, remembered_suspects(snapshot)).sum()) >= flagged.size
    suggested, _ = _contradicted(snapshot, labels)
    asked = np.intersect1d(here, _probably_wrong(snapshot, labels, suggested))
    if 2 * asked.size < flagged.size:
        return False
    near = nearest(snapshot.activations(layer)[: labels.size], asked, NEIGHBOURS)
    return 2 * int(_neighbours_contradict(labels, near, asked, suggested).sum()) >= flagged.size


def contradicted(snapshot: SnapshotReader) -> np.ndarray | None:
    """Indices of all instances whose label network and neighbours contradict, ascending; None where that cannot be asked.

    Raises UnreadableError.
    """
    labels, layer = label_values(snapshot), last_layer(snapshot)
    if labels is None or not is_classes(labels) or layer is None or not _COLUMNS.issubset(snapshot.record.columns):
        return None
    labels = labels[: snapshot.record.sample_size]
    suggested, _ = _contradicted(snapshot, labels)
    asked = _probably_wrong(snapshot, labels, suggested)
    near = nearest(snapshot.activations(layer)[: labels.size], asked, NEIGHBOURS)
    rows: np.ndarray = asked[_neighbours_contradict(labels, near, asked, suggested)]
    return rows


def _neighbours_contradict(
    labels: np.ndarray, near: np.ndarray, asked: np.ndarray, suggested: np.ndarray
) -> np.ndarray:
    """Where nine of the ten nearest have other labels, and six the suggested one, nine where one has the label: bool [asked]."""
    theirs = np.where(near >= 0, labels[near], -1)
    others = ((theirs >= 0) & (theirs != labels[asked][:, None])).sum(axis=1)
    same = (theirs == labels[asked][:, None]).sum(axis=1)
    agree = (theirs == suggested[asked][:, None]).sum(axis=1)
    contradicted: np.ndarray = (others >= LEAST_DISAGREE * NEIGHBOURS) & (agree >= LEAST_AGREE + MORE_AGREE * same)
    return contradicted


def _contradicted(snapshot: SnapshotReader, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class that the network is confident of where it is not the label, else -1; and by how much its score is higher.

    Of int [instances] labels, -1 for none. Only the stored highest classes of each instance are looked at.
    Raises UnreadableError.
    """
    count = labels.size
    own = snapshot.column("label_score")[:count].astype(np.float64)
    classes = snapshot.column("top_classes")[:count].astype(np.int64)
    scores = snapshot.column("top_scores")[:count].astype(np.float64)
    if own.ndim != 1 or classes.ndim != 2 or classes.shape != scores.shape or len(own) != len(classes):
        raise UnreadableError(f"the classes and scores of step {snapshot.step} do not belong together.")
    known = (labels >= 0) & np.isfinite(own)
    if not known.any() or not classes.shape[1]:
        return np.full(count, -1), np.zeros(count)
    names, codes = np.unique(labels[known], return_inverse=True)
    means = np.bincount(codes, weights=own[known]) / np.bincount(codes)
    place = np.minimum(np.searchsorted(names, classes), names.size - 1)
    # Of a class without instances nothing is known.
    thresholds = np.where(names[place] == classes, means[place], np.inf)
    confident = (classes >= 0) & (scores >= thresholds)
    ranked = np.where(confident, scores, -np.inf)
    highest, rows = ranked.argmax(axis=1), np.arange(count)
    best, score = classes[rows, highest], ranked[rows, highest]
    contradicted = known & np.isfinite(score) & (best != labels) & (score > own)
    return np.where(contradicted, best, -1), np.where(contradicted, score - own, 0.0)


def _probably_wrong(snapshot: SnapshotReader, labels: np.ndarray, suggested: np.ndarray) -> np.ndarray:
    """Indices of the contradicted labels that are wrong with a probability of at least .9, ascending. Raises UnreadableError."""
    contradicted = suggested >= 0
    if not contradicted.any():
        return np.zeros(0, int)
    own = snapshot.column("label_score")[: labels.size].astype(np.float64)
    scores = snapshot.column("top_scores")[: labels.size].astype(np.float64)
    known = np.flatnonzero((labels >= 0) & np.isfinite(own) & np.isfinite(scores).all(axis=1))
    classes = max(
        len(snapshot.record.class_names), highest_class(labels) + 1, int(suggested.max()) + 1, scores.shape[1]
    )
    wrong = np.zeros(labels.size)
    wrong[known] = wrong_probabilities(own[known], scores[known], classes)
    return np.flatnonzero(contradicted & (wrong >= LEAST_PROBABLE))


def last_layer(snapshot: SnapshotReader) -> str | None:
    """The last recorded layer that has another number of neurons than there are classes; else the last, None without any."""
    names, labels = list(snapshot.layers), label_values(snapshot)
    classes = {len(snapshot.record.class_names), highest_class(labels) + 1}
    inner = [name for name in names if snapshot.layers[name].info.neurons not in classes]
    return inner[-1] if inner else names[-1] if names else None


def nearest(activations: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """The nearest other instances of some, by Euclidean distance: int [rows, count], nearest first, -1 where there are no more.

    Instances with values that are not finite are nobody's neighbours and have none.

    Arguments:
        activations: float16 [instances, neurons].
        rows: indices.
    """
    wanted = activations[rows].astype(np.float32)
    lost = not_finite(activations[rows]).any(axis=1)
    wanted[lost] = 0
    lengths = np.einsum("ij,ij->i", wanted, wanted)
    best = np.full((rows.size, count), np.inf, np.float32)
    found = np.full((rows.size, count), -1, np.int64)
    for here, half in SCRATCH.blocks(activations, slice(0, len(activations))):
        check_time()
        bad = not_finite(half.view(np.float16)).any(axis=1)
        values = SCRATCH.widened(half)
        values[bad] = 0
        distances = lengths[:, None] + np.einsum("ij,ij->i", values, values) - 2 * (wanted @ values.T)
        distances[:, bad] = np.inf
        places = np.arange(here.start, here.stop)
        distances[rows[:, None] == places] = np.inf
        both = np.concatenate([best, distances], axis=1)
        names = np.concatenate([found, np.broadcast_to(places, distances.shape)], axis=1)
        order = np.argsort(both, axis=1, kind="stable")[:, :count]
        best, found = np.take_along_axis(both, order, axis=1), np.take_along_axis(names, order, axis=1)
    found[~np.isfinite(best)] = -1
    found[lost] = -1
    return found
