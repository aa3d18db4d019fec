"""Groups of instances against plain counting."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.query.instances import groups as module
from tensorboard_activis.query.instances.groups import group_table, groups
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import CLASSES, Data


def test_classes(snapshot: SnapshotReader, data: Data) -> None:
    found = group_table(snapshot).to_pylist()
    prediction = data.logits.argmax(axis=1)
    counts = Counter(data.labels.tolist())
    assert [one["count"] for one in found] == sorted(counts.values(), reverse=True)
    probability = np.exp(data.logits.astype(np.float64))
    probability /= probability.sum(axis=1, keepdims=True)
    for one in found:
        inside = data.labels == CLASSES.index(one["value"])
        right = int((prediction == data.labels)[inside].sum())
        assert (one["count"], one["right"], one["wrong"]) == (inside.sum(), right, inside.sum() - right)
        assert one["score"] == pytest.approx(probability[inside].max(axis=1).mean(), rel=1e-5)
        own = probability[inside, CLASSES.index(one["value"])]
        assert one["loss"] == pytest.approx(-np.log(own).mean(), rel=1e-5)


def test_truth_values_of_some(snapshot: SnapshotReader, data: Data) -> None:
    found = {one["value"]: one for one in group_table(snapshot, "correct", 'label == "cat"').to_pylist()}
    right = (data.logits.argmax(axis=1) == data.labels)[data.labels == 2]
    assert {value: one["count"] for value, one in found.items()} == Counter(right.tolist())
    assert found[True]["wrong"] == 0


class Several:
    """Instances of which some have several labels and the last is a pinned instance."""

    stored_instances = 5
    record = SimpleNamespace(sample_size=4)

    def __init__(self) -> None:
        labels = pa.chunked_array([[["b", "a"], []], [["a"], None, ["c"]]], pa.list_(pa.string()))
        self.instances = pa.table({"label": labels, "correct": [True, False, None, True, False]})


def test_instances_with_several_labels_count_in_each_and_pinned_in_none() -> None:
    found = group_table(Several()).to_pylist()  # type: ignore[arg-type]
    assert [(one["value"], one["count"], one["right"], one["wrong"]) for one in found] == [
        ("a", 2, 1, 0),
        ("b", 1, 1, 0),
    ]
    assert found[0]["loss"] is None


def test_whole_numbers() -> None:
    class Unnamed:
        stored_instances = 5
        record = SimpleNamespace(sample_size=5)
        instances = pa.table({"label": pa.array([10, 2, None, 2, 10]), "correct": [True, False, None, True, True]})

    found = group_table(Unnamed()).to_pylist()  # type: ignore[arg-type]
    lines = [(one["value"], one["count"], one["right"], one["wrong"]) for one in found]
    assert lines == [("10", 2, 2, 0), ("2", 2, 1, 1), (None, 1, 0, 0)]


def test_none(snapshot: SnapshotReader) -> None:
    found = group_table(snapshot, "prediction", "score > 2")
    assert found.num_rows == 0
    assert found.column_names == ["value", "count", "right", "wrong", "score", "loss"]


def test_what_cannot_be_grouped(snapshot: SnapshotReader, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError, match="no column 'kind'. There are: id, label"):
        groups(snapshot, "kind")
    for name in ("score", "image"):
        with pytest.raises(QueryError, match="cannot be grouped"):
            groups(snapshot, name)
    monkeypatch.setattr(module, "MAX_GROUPS", 2)
    with pytest.raises(TooLargeError, match="has 3 values, more than 2"):
        groups(snapshot)
