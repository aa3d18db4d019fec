"""A subset against the rest: numpy and scipy over the data that were logged."""

from collections import Counter

import numpy as np
import pytest

from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.neurons.subset import differences, prediction_summary, subset
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import CLASSES, Data

stats = pytest.importorskip("scipy.stats")  # comes with scikit-learn
LAYER = "stem/relu"


def test_a_declared_subset_is_compared_exactly(snapshot: SnapshotReader, data: Data) -> None:
    found = differences(snapshot, LAYER, Row(subset="cat"))
    values = data.activations[LAYER].astype(np.float64)
    own, rest = values[data.labels == 2], values[data.labels != 2]
    np.testing.assert_allclose(found.mean, [own.mean(axis=0), rest.mean(axis=0)], rtol=1e-5)
    np.testing.assert_allclose(found.std, [own.std(axis=0), rest.std(axis=0)], rtol=1e-4)
    assert found.count.tolist() == [[len(own)] * 5, [len(rest)] * 5]
    np.testing.assert_allclose(found.p, stats.ttest_ind(own, rest, equal_var=False).pvalue, rtol=1e-3)
    np.testing.assert_allclose(found.q, stats.false_discovery_control(found.p))
    assert (found.source.source, found.source.n, found.source.seen) == ("exact", len(own), 17)
    assert found.order.tolist() == np.argsort(-np.abs(found.effect)).tolist()


def test_an_expression_is_compared_within_the_sample(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    found = differences(snapshot, LAYER, Row(expression='label != "cat"'))
    half = data.activations[LAYER].astype(np.float16).astype(np.float64)[rank]
    inside = data.labels[rank] != 2
    np.testing.assert_allclose(found.mean, [half[inside].mean(axis=0), half[~inside].mean(axis=0)], rtol=1e-6)
    np.testing.assert_allclose(found.p, stats.ttest_ind(half[inside], half[~inside], equal_var=False).pvalue, rtol=1e-5)
    assert found.source.source == "sample"


def test_both_ways_agree(snapshot: SnapshotReader) -> None:
    exact, sample = (differences(snapshot, LAYER, row) for row in (Row(subset="bee"), Row(expression='label == "bee"')))
    np.testing.assert_allclose(exact.effect, sample.effect, rtol=1e-2, atol=1e-3)  # every instance was kept, as float16


def test_how_it_was_predicted(snapshot: SnapshotReader, data: Data) -> None:
    found = prediction_summary(snapshot, Row(subset="ant"))
    inside = data.labels == 0
    prediction = data.logits.argmax(axis=1)
    assert (found.sampled, found.judged) == (inside.sum(), inside.sum())
    assert found.accuracy == pytest.approx((prediction == data.labels)[inside].mean())
    assert found.rest_accuracy == pytest.approx((prediction == data.labels)[~inside].mean())
    assert found.accuracy != found.rest_accuracy
    probability = np.exp(data.logits.astype(np.float64))
    probability /= probability.sum(axis=1, keepdims=True)
    assert found.loss == pytest.approx(-np.log(probability[inside, 0]).mean(), rel=1e-5)
    counts = Counter(("ant", CLASSES[index]) for index in prediction[inside])
    assert {(one.label, one.prediction): one.count for one in found.confusion} == counts
    assert [one.count for one in found.confusion] == sorted(counts.values(), reverse=True)


def test_none_and_all(snapshot: SnapshotReader) -> None:
    for row in (Row(subset="nobody"), Row(expression="score > 2")):
        found = subset(snapshot, LAYER, row)
        assert (found.n, found.sampled, found.confusion, found.neurons, found.tested) == (0, 0, (), (), 0)
        assert found.accuracy != found.accuracy  # NaN
    for row in (Row(subset="all"), Row(expression="True")):
        found = subset(snapshot, LAYER, row)
        assert (found.n, found.neurons, found.tested) == (17, (), 0)
        assert found.rest_accuracy != found.rest_accuracy  # NaN


def test_the_answer_counts_what_differs(snapshot: SnapshotReader) -> None:
    found, row = subset(snapshot, "head", Row(subset="bee")), Row(subset="bee")
    q = differences(snapshot, "head", row).q
    assert found.tested == 3
    assert found.differ == np.count_nonzero(q <= 0.05)
    assert [one.neuron for one in found.neurons] == differences(snapshot, "head", row).order.tolist()


def test_what_is_not_there(snapshot: SnapshotReader) -> None:
    with pytest.raises(NotFoundError, match="no subset dog"):
        subset(snapshot, LAYER, Row(subset="dog"))
    with pytest.raises(QueryError, match="not a single instance"):
        subset(snapshot, LAYER, Row(instance=3))
    with pytest.raises(NotFoundError, match="not recorded"):
        subset(snapshot, "stem", Row(subset="bee"))
