"""Scales of a matrix against numbers worked out by hand and against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.matrix import scales
from tensorboard_activis.query.matrix.rows import Row, reference
from tensorboard_activis.query.matrix.scales import parse_scale, round_end, scale_of, scaled_bytes

#: Three rows of four neurons: the last has no spread, the third a NaN.
VALUES = np.array([[1, 10, 5, 7], [2, 20, np.nan, 7], [6, 60, 9, 7]], np.float32)
ALL = [0, 1, 2]


def test_raw_goes_from_zero_to_the_99th_percentile_rounded() -> None:
    found = scale_of(VALUES, "raw", ALL, signed=False)
    assert (found.signed, found.end, found.above, found.below, found.missing) == (False, 60, False, False, 1)
    assert scaled_bytes(VALUES, found).values[:, 1].tolist() == [1 + round(254 * 10 / 60), 1 + round(254 / 3), 255]
    assert scaled_bytes(VALUES, found).values[1, 2] == 0
    assert scale_of(VALUES, "raw", ALL, signed=True).signed
    assert scale_of(VALUES, "raw", ALL, signed=False, end=1.0).end == 1


def test_what_lies_beyond_is_clipped_and_said() -> None:
    wide = ((np.arange(1000) % 100) / 100).astype(np.float32)[None]
    wide[0, :2] = 500, -900
    found = scale_of(wide, "raw", [0], signed=False)
    assert (found.end, found.signed, found.above, found.below) == (1, True, True, True)
    assert scaled_bytes(wide, found).values[0, :3].tolist() == [255, 1, 131]


def test_deviations_of_each_neuron_over_the_rows() -> None:
    found = scale_of(VALUES, "z", ALL, signed=False)
    assert found.signed
    known = VALUES[:, :2].astype(float)
    z = (known - known.mean(axis=0)) / known.std(axis=0)
    assert found.end == 1.5  # of nine sizes the largest, (6 - 3) / sqrt(14 / 3) = 1.39
    np.testing.assert_allclose((scaled_bytes(VALUES, found).values[:, :2] - 128.0) / 127 * 1.5, z, atol=1.5 / 254)
    assert scaled_bytes(VALUES, found).values[:, 2:].tolist() == [[128 - 85, 128], [0, 128], [128 + 85, 128]]


def test_rows_that_are_not_for_reference_set_no_scale() -> None:
    found = scale_of(VALUES, "z", [0, 1], signed=False)
    assert found.above
    assert found.offset is not None
    assert found.offset[:2].tolist() == [1.5, 15]
    one = Row(instance=3)
    assert reference([one, Row(subset="a"), Row(expression="b")]) == [1, 2]
    assert reference([one, Row(subset="a"), one]) == [0, 1, 2]


def test_shares_of_each_neurons_range() -> None:
    found = scale_of(VALUES, "unit", ALL, signed=True)
    assert (found.signed, found.end, found.above) == (False, 1, False)
    assert scaled_bytes(VALUES, found).values.tolist() == [[1, 1, 1, 1], [52, 52, 0, 1], [255, 255, 255, 1]]


def test_nothing_but_zeros_and_nothing_known() -> None:
    dead = scale_of(np.zeros((2, 3), np.float32), "raw", [0, 1], signed=False)
    assert (dead.all_zero, dead.end, dead.missing) == (True, 1, 0)
    lost = scale_of(np.full((2, 3), np.nan, np.float32), "z", [0, 1], signed=False)
    assert (lost.all_zero, lost.end, lost.missing, lost.above) == (False, 1, 6, False)


@given(st.floats(1e-30, 1e30))
def test_ends_read_well_and_are_no_less(value: float) -> None:
    end = round_end(value)
    assert value * (1 - 1e-8) <= end <= value * 1.51
    assert len(f"{end:e}".split("e")[0].rstrip("0").replace(".", "")) <= 2


def test_in_blocks_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(3, 2, (40, 7)).astype(np.float32)
    whole = [scaled_bytes(values, scale_of(values, kind, range(40), signed=True)).values for kind in scales.KINDS]
    monkeypatch.setattr(scales, "_AT_ONCE", 15)
    for kind, expected in zip(scales.KINDS, whole, strict=True):
        found = scaled_bytes(values, scale_of(values, kind, range(40), signed=True)).values
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_kinds() -> None:
    assert parse_scale(None) is None
    assert parse_scale("z") == "z"
    with pytest.raises(QueryError, match="one of z, unit, raw; got 'log'"):
        parse_scale("log")
