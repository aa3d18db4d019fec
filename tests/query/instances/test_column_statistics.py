"""Column statistics against numpy and plain counting."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.query.instances.column_statistics import (
    LONGEST,
    NumberStatistics,
    ValueStatistics,
    column_statistics,
)
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import CLASSES, Data


class Table:
    """What the statistics need of a snapshot."""

    def __init__(self, **columns: object) -> None:
        self.instances = pa.table(columns)


def of(column: str, prefix: str = "", limit: int = 20, **columns: Any) -> Any:
    (found,) = column_statistics(Table(**columns), column, prefix, limit)  # type: ignore[arg-type]
    return found


def pairs(found: Any) -> tuple[tuple[Any, int], ...]:
    return tuple((one.value, one.count) for one in found.values)


def test_all_columns_of_a_run(snapshot: SnapshotReader, data: Data) -> None:
    found = {one.name: one for one in column_statistics(snapshot)}
    assert {"id", "label", "prediction", "correct", "score", "loss", "label_score"} <= set(found)
    assert "image" not in found
    label, score = found["label"], found["score"]
    assert isinstance(label, ValueStatistics)
    assert dict(pairs(label)) == {CLASSES[index]: count for index, count in Counter(data.labels.tolist()).items()}
    counts = [one.count for one in label.values]
    assert counts == sorted(counts, reverse=True)
    assert isinstance(score, NumberStatistics)
    probability = np.exp(data.logits.astype(np.float64))
    highest = (probability / probability.sum(axis=1, keepdims=True)).max(axis=1)
    assert (score.min, score.max) == (pytest.approx(highest.min()), pytest.approx(highest.max()))
    assert score.quantiles == pytest.approx(np.quantile(highest, [0.05, 0.25, 0.5, 0.75, 0.95]), rel=1e-5)


def test_missing_numbers_and_infinities() -> None:
    found = of("x", x=pa.array([1.0, None, float("nan"), float("inf"), 4.0, 2.0], from_pandas=False))
    assert (found.missing, found.min, found.max, found.mean) == (2, 1, 4, pytest.approx(7 / 3))
    nothing = of("x", x=pa.array([None, None], pa.int32()))
    assert nothing.missing == 2
    assert np.isnan([nothing.min, nothing.max, nothing.mean, *nothing.quantiles]).all()


def test_whole_numbers_with_few_values_are_listed() -> None:
    assert pairs(of("x", x=pa.array([3, 1, 3, None, -2]))) == ((-2, 1), (1, 1), (3, 2))
    assert pairs(of("x", x=pa.array([0, 19]))) == ((0, 1), (19, 1))
    assert pairs(of("x", x=pa.array([0, 20]))) == ()
    assert pairs(of("x", x=pa.array([1.0, 2.0]))) == ()


@pytest.mark.parametrize("kind", [pa.string(), pa.dictionary(pa.int8(), pa.string()), pa.large_string()])
def test_values_by_how_often_they_occur_then_by_the_alphabet(kind: pa.DataType) -> None:
    texts = ["b", "Ab", None, "ab", "b", "c", "ab", "x" * (LONGEST + 1)]
    column = pa.array(texts).dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else pa.array(texts, kind)
    found = of("t", t=column)
    assert pairs(found) == (("ab", 2), ("b", 2), ("Ab", 1), ("c", 1))
    assert (found.missing, found.distinct) == (1, 5)
    assert pairs(of("t", "aB", t=column)) == (("ab", 2), ("Ab", 1))
    assert pairs(of("t", limit=1, t=column)) == (("ab", 2),)
    assert pairs(of("t", limit=0, t=column)) == ()
    assert pairs(of("t", "zz", t=column)) == ()


def test_truth_values() -> None:
    column = pa.array([True, False, None, False])
    assert pairs(of("b", b=column)) == ((False, 2), (True, 1))
    assert pairs(of("b", "tr", b=column)) == ((True, 1),)
    assert of("b", b=pa.array([None, True])).distinct == 1


def test_what_has_no_statistics() -> None:
    with pytest.raises(NotFoundError, match="no column 'y'. There are: x"):
        of("y", x=pa.array([1]))
    with pytest.raises(QueryError, match="holds binary"):
        of("x", x=pa.array([b"1"]))
    with pytest.raises(QueryError, match="0 to 1,000; got 1001"):
        of("x", limit=1001, x=pa.array([1]))
