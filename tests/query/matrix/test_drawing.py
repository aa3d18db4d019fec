"""Matrices to be drawn, of which only some rows are sent: bytes, scale and order against numpy over all rows."""

import numpy as np
import pytest

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.matrix.drawing import MatrixQuery, QuantizedMatrix, answer_matrix
from tensorboard_activis.query.matrix.rows import Row, parse_positions
from tensorboard_activis.query.matrix.sorting import Sort
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import Data

LAYER = "stem/relu"
ROWS = [
    Row(instance=3),
    Row(subset="ant"),
    Row(subset="bee"),
    Row(subset="cat"),
    Row(expression="True"),
    Row(subset="nobody"),
]


def drawn(snapshot: SnapshotReader, **asked: object) -> QuantizedMatrix:
    answer = answer_matrix(snapshot, MatrixQuery(LAYER, ROWS, quantized="mean", **{"sort": Sort(), **asked}))  # type: ignore[arg-type]
    assert isinstance(answer, QuantizedMatrix)
    return answer


def means(data: Data, rank: np.ndarray) -> np.ndarray:
    """Of all rows but the last, which is empty, [5, neurons]."""
    values = data.activations[LAYER].astype(np.float64)
    half = data.activations[LAYER].astype(np.float16).astype(np.float64)[rank]
    classes = [values[data.labels == index].mean(axis=0) for index in range(3)]
    return np.stack([half[3], *classes, half.mean(axis=0)])


def test_the_scale_of_some_rows_is_that_of_all(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    found = drawn(snapshot, scale="z", drawn=[4, 0, 2])
    mean = means(data, rank)
    sets = mean[1:]  # an instance does not set the scale, and the empty row has nothing to say
    spread = sets.std(axis=0)
    z = np.where(spread > 0, (mean - sets.mean(axis=0)) / np.where(spread > 0, spread, 1), 0)[[4, 0, 2]]
    assert found.scale is not None
    end = found.scale.end
    assert np.abs(z).max() > end / 2
    np.testing.assert_allclose((found.quantized - 128.0) / 127 * end, np.clip(z, -end, end), atol=end / 250)
    assert found.drawn is not None
    assert found.drawn.tolist() == [4, 0, 2]
    assert len(found.n) == len(found.rows) == len(ROWS)
    assert found.scale.missing == sets.shape[1]  # of the row that is empty, which is not drawn


def test_bounds_of_some_rows_are_those_of_all(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    found, mean = drawn(snapshot, drawn=[2], window=slice(1, 4), sort=Sort("row", 1)), means(data, rank)
    assert found.bounds == (pytest.approx(mean.min()), pytest.approx(mean.max()))
    order = np.lexsort([np.arange(5), -mean[1]])
    assert found.order.tolist() == order.tolist()
    back = found.bounds[0] + (found.quantized.astype(float) - 1) / 254 * np.ptp(found.bounds)
    np.testing.assert_allclose(back, mean[[2]][:, order[1:4]], atol=np.ptp(found.bounds) / 500)


def test_without_a_choice_all_rows_are_drawn(snapshot: SnapshotReader) -> None:
    found = drawn(snapshot, scale="raw")
    assert (found.drawn, found.quantized.shape) == (None, (6, 5))
    assert not found.quantized[5].any()


def test_positions() -> None:
    assert parse_positions(None, 3) is None
    assert parse_positions([2, 0], 3) == [2, 0]
    for wrong in ("all", [3], [-1], [0, 0], [True], [1.0], {"0": 1}):
        with pytest.raises(QueryError, match="drawn must be a list of positions among the 3 rows"):
            parse_positions(wrong, 3)
