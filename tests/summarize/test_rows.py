"""Rows that are kept in place: whatever is written is read again, in any order, in blocks or as a whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorboard_activis.summarize.rows import OrderedRows, Rows


@given(st.integers(1, 900), st.integers(1, 400), st.booleans(), st.integers(0, 2**32 - 1))
def test_rows_are_those_that_were_written_last(count: int, batch: int, known: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    expected = random.normal(size=(count, 3)).astype(np.float16)
    rows = Rows(count if known else None, expected[:0])
    for start in range(0, count, batch):
        slots = np.arange(start, min(start + batch, count))
        rows.put(slots, expected[slots])
    places = random.permutation(count)[: random.integers(0, count + 1)]
    expected[places] = random.normal(size=(places.size, 3))
    rows.put(places, expected[places])
    order = random.permutation(count)
    ordered = OrderedRows(rows, order)
    assert (ordered.shape, ordered.dtype, len(ordered)) == ((count, 3), np.float16, count)
    np.testing.assert_array_equal(ordered.array(), expected[order])
    np.testing.assert_array_equal(np.concatenate(list(ordered.blocks())), expected[order])
    positions = random.integers(0, count, 17)
    np.testing.assert_array_equal(ordered.take(positions), expected[order][positions])
    more = random.normal(size=(5, 3)).astype(np.float16)
    followed = ordered.followed_by(more)
    np.testing.assert_array_equal(followed.array(), np.concatenate([expected[order], more]))
    if known:
        assert rows.length == count + 5  # nothing but the pages that are needed


def test_blocks_are_a_megabyte() -> None:
    rows = OrderedRows.of(np.zeros((5_000, 2_000), np.float16))
    assert {len(block) for block in rows.blocks()} == {262, 5_000 % 262}


def test_objects_and_empty_arrays() -> None:
    values = np.array([b"a", None, ["list"]], object)
    assert OrderedRows.of(values).array().tolist() == [b"a", None, ["list"]]
    empty = OrderedRows.of(np.zeros((0, 4), np.float32))
    assert (empty.array().shape, list(empty.blocks())) == ((0, 4), [])


def test_rows_of_another_shape_are_refused() -> None:
    rows = Rows(None, np.zeros((0, 4)))
    with pytest.raises(ValueError, match="shape"):
        rows.put(np.array([0]), np.zeros((1, 1)))
