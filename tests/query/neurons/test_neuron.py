"""One neuron against numpy, scikit-learn and scipy."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.arithmetic.ordinals import ordinals
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.neurons.neuron import extremes, histograms, neuron, selectivity
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import CLASSES, Data


@pytest.fixture
def values(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> np.ndarray:
    return data.activations["head"][rank, 1].astype(np.float16).astype(np.float64)


def test_histograms_share_their_bins(
    snapshot: SnapshotReader, data: Data, rank: np.ndarray, values: np.ndarray
) -> None:
    edges, (everyone, bees, nobody) = histograms(
        snapshot,
        ordinals(snapshot.neuron("head", 1)),
        [Row(subset="all"), Row(subset="bee"), Row(expression="score > 2")],
    )
    assert (edges[0], edges[-1]) == (values.min(), values.max())
    assert everyone.counts.sum() == everyone.n == 17
    chosen = values[data.labels[rank] == 1]
    assert bees.counts.tolist() == np.histogram(chosen, edges)[0].tolist()
    assert bees.mean == pytest.approx(chosen.mean())
    assert bees.std == pytest.approx(chosen.std())
    assert nobody.n == 0
    assert np.isnan(nobody.mean)


def test_extremes(snapshot: SnapshotReader, values: np.ndarray) -> None:
    top, bottom = extremes(snapshot, ordinals(snapshot.neuron("head", 1)))
    assert [one.value for one in top] == sorted(values, reverse=True)[:8]
    assert [one.value for one in bottom] == sorted(values)[:8]
    assert [values[one.index] for one in top] == [one.value for one in top]


def test_selectivity(snapshot: SnapshotReader, data: Data, rank: np.ndarray, values: np.ndarray) -> None:
    labels = data.labels[rank]
    found = selectivity(snapshot, ordinals(snapshot.neuron("head", 1)))
    assert {one.class_ for one in found} == set(CLASSES)
    for one in found:
        inside = labels == CLASSES.index(one.class_)
        assert one.auc == pytest.approx(roc_auc_score(inside, values))
        assert one.n == inside.sum()
        n, m = inside.sum(), (~inside).sum()
        variance = ((n - 1) * values[inside].var(ddof=1) + (m - 1) * values[~inside].var(ddof=1)) / (n + m - 2)
        hedges = 1 - 3 / (4 * (n + m - 2) - 1)  # the usual approximation of the factor
        expected = (values[inside].mean() - values[~inside].mean()) / np.sqrt(variance) * hedges
        assert one.d == pytest.approx(expected, rel=1e-3)
    distance = [abs(one.auc - 0.5) for one in found]
    assert distance == sorted(distance, reverse=True)


def test_constant_neuron(snapshot: SnapshotReader) -> None:
    constant = ordinals(np.full(17, 2, np.float16))
    edges, (one,) = histograms(snapshot, constant, [Row(subset="all")])
    assert (edges[0], edges[-1], one.counts.sum()) == (1.5, 2.5, 17)
    assert {(each.auc, each.d) for each in selectivity(snapshot, constant)} == {(0.5, 0.0)}


def test_ties_and_values_that_are_not_finite(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    given = np.repeat([0.0, np.nan, -1.5, 2.5, -0.0, np.inf], 3)[:17].astype(np.float16)
    known = np.isfinite(given)
    exact = given.astype(np.float64)
    top, bottom = extremes(snapshot, ordinals(given))
    assert [one.index for one in top] == [9, 10, 11, 0, 1, 2, 12, 13]
    assert [one.index for one in bottom] == [6, 7, 8, 0, 1, 2, 12, 13]
    edges, (one,) = histograms(snapshot, ordinals(given), [Row(subset="all")])
    assert one.counts.tolist() == np.histogram(exact[known], edges)[0].tolist()
    assert (one.n, one.mean, one.std) == (12, exact[known].mean(), pytest.approx(exact[known].std()))
    labels = data.labels[rank]
    for each in selectivity(snapshot, ordinals(given)):
        inside = labels == CLASSES.index(each.class_)
        assert each.auc == pytest.approx(roc_auc_score(inside[known], exact[known]))
        assert each.n == np.count_nonzero(inside & known)


def test_nothing_is_known(snapshot: SnapshotReader) -> None:
    nothing = ordinals(np.full(17, np.nan, np.float16))
    edges, (one,) = histograms(snapshot, nothing, [Row(subset="all")])
    assert (edges[0], edges[-1], one.n, one.counts.sum()) == (0, 1, 0, 0)
    assert np.isnan([one.mean, one.std]).all()
    assert extremes(snapshot, nothing) == ((), ())
    assert selectivity(snapshot, nothing) == ()


def test_what_is_not_there(snapshot: SnapshotReader) -> None:
    for index in (-1, 3):
        with pytest.raises(NotFoundError, match="neurons 0 to 2"):
            neuron(snapshot, "head", index, [Row(subset="all")])


def test_a_prefix_answers_first(snapshot: SnapshotReader, values: np.ndarray) -> None:
    rows = [Row(subset="all"), Row(instance=12)]
    found = neuron(snapshot, "head", 1, rows, prefix=9)
    whole = neuron(snapshot, "head", 1, rows)
    assert (found.complete, whole.complete) == (False, True)
    assert [one.n for one in found.rows] == [9, 0]
    assert [one.value for one in found.top] == sorted(values[:9], reverse=True)[:8]
