"""One instance: neighbours, scores, contrast and content against the data that were logged."""

import numpy as np
import pytest

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.neurons.instance import instance, neighbours, scores
from tensorboard_activis.query.neurons.why_not import why_not
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import CLASSES, Data

LAYER = "stem/relu"


def test_neighbours(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    half = data.activations[LAYER].astype(np.float16).astype(np.float64)[rank]
    distance = np.linalg.norm(half - half[6], axis=1)
    expected = [row for row in np.argsort(distance, kind="stable") if row != 6][:8]
    found = neighbours(snapshot, LAYER, 6)
    assert [row for row, _ in found] == expected
    np.testing.assert_allclose([apart for _, apart in found], distance[expected], rtol=1e-6)


def test_neighbours_without_a_distance_are_left_out(snapshot: SnapshotReader) -> None:
    values = np.arange(17 * 3, dtype=np.float16).reshape(17, 3)
    values[3, 1] = np.nan
    setattr(snapshot, "activations", lambda name: values)  # noqa: B010
    assert [row for row, _ in neighbours(snapshot, "head", 4, 3)] == [5, 2, 6]
    assert neighbours(snapshot, "head", 3) == []


def test_scores_are_softmax(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    logits = data.logits[rank[2]].astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum()
    found = scores(snapshot, 2)
    assert [one.class_ for one in found] == [CLASSES[index] for index in np.argsort(-expected)]
    np.testing.assert_allclose(np.array([one.score for one in found], float), np.sort(expected)[::-1], rtol=1e-3)


def test_why_not(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    """Effects are tested in tests/query/causes; here what stands beside them, and whom it is of."""
    wrong = np.flatnonzero((data.logits.argmax(axis=1) != data.labels)[rank])
    right = np.setdiff1d(np.arange(17), wrong)
    assert why_not(snapshot, LAYER, int(right[0])) is None
    row = int(wrong[0])
    label, prediction = data.labels[rank[row]], data.logits[rank[row]].argmax()
    found = why_not(snapshot, LAYER, row)
    assert found is not None
    assert (found.own, found.predicted) == (CLASSES[label], CLASSES[prediction])
    own, predicted = (data.activations[LAYER][data.labels == index].astype(np.float64) for index in (label, prediction))
    for one in found.neurons:
        value = float(data.activations[LAYER][rank[row], one.neuron].astype(np.float16))
        assert one.value == value
        assert one.own.mean == pytest.approx(own[:, one.neuron].mean(), rel=1e-5)
        assert one.own.std == pytest.approx(own[:, one.neuron].std(), rel=1e-5)
        assert one.predicted is not None
        assert one.predicted.mean == pytest.approx(predicted[:, one.neuron].mean(), rel=1e-5)
        assert one.z_own == pytest.approx((value - own[:, one.neuron].mean()) / own[:, one.neuron].std(), rel=1e-4)
    assert len(found.neurons) > 0


def test_why_a_right_prediction_is_no_other_class(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    row = int(np.flatnonzero((data.logits.argmax(axis=1) == data.labels)[rank])[0])
    label = int(data.labels[rank[row]])
    other = (label + 1) % 3
    found = why_not(snapshot, LAYER, row, CLASSES[other])
    assert found is not None
    assert (found.own, found.predicted) == (CLASSES[other], CLASSES[label])
    assert found.together is not None
    logits = data.logits[rank[row]]
    assert found.together.before == pytest.approx(logits[other] - np.delete(logits, other).max(), abs=0.01)
    assert why_not(snapshot, LAYER, row, CLASSES[label]) is None
    with pytest.raises(QueryError, match=r"There is no class 'dog'. There are: 'ant', 'bee', 'cat'\."):
        why_not(snapshot, LAYER, row, "dog")


def test_everything_of_one_instance(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    found = instance(snapshot, LAYER, 3)
    assert found.id == data.ids[rank[3]]
    assert found.label == CLASSES[data.labels[rank[3]]]
    assert found.correct == bool((data.logits.argmax(axis=1) == data.labels)[rank[3]])
