"""Codes stand for every float16 value, in order; what is counted by them is what numpy and scipy sort out."""

import numpy as np
import pytest
from scipy.stats import rankdata  # type: ignore[import-untyped]

from tensorboard_activis.query.arithmetic.ordinals import FINITE, VALUES, count, highest, lowest, mean_ranks, ordinals

EVERY = np.arange(2**16, dtype=np.uint16).view(np.float16)
KNOWN = np.isfinite(EVERY)


def test_ordinals_stand_for_the_values_in_their_order() -> None:
    assert np.array_equal(VALUES[ordinals(EVERY)][KNOWN], EVERY[KNOWN].astype(np.float64))
    assert not FINITE[ordinals(EVERY)][~KNOWN].any()
    ascending = np.unique(EVERY[KNOWN])
    assert (np.diff(ordinals(ascending).astype(int)) > 0).all()
    assert ordinals(np.array([-0.0, 0.0], np.float16))[0] == ordinals(np.array([0.0], np.float16))[0]
    strided = np.arange(60, dtype=np.float16).reshape(12, 5)[:, 3]
    assert VALUES[ordinals(strided)].tolist() == strided.tolist()


@pytest.fixture
def values() -> np.ndarray:
    generator = np.random.default_rng(0)
    found = generator.normal(size=3_000).round(1).astype(np.float16)  # many ties, zeros of both signs
    found[generator.random(3_000) < 0.05] = np.nan
    found[generator.random(3_000) < 0.05] = -np.inf
    return found


@pytest.mark.parametrize("most", [0, 1, 8, 2_999, 5_000])
def test_the_first_at_both_ends(values: np.ndarray, most: int) -> None:
    rows = np.flatnonzero(np.isfinite(values))
    exact = values.astype(np.float64)
    assert highest(ordinals(values), most).tolist() == rows[np.argsort(-exact[rows], kind="stable")][:most].tolist()
    assert lowest(ordinals(values), most).tolist() == rows[np.argsort(exact[rows], kind="stable")][:most].tolist()


def test_counts_and_ranks(values: np.ndarray) -> None:
    finite = values[np.isfinite(values)]
    counts = count(ordinals(values))
    assert counts.sum() == finite.size
    assert counts[ordinals(np.array([0.3], np.float16))[0]] == np.count_nonzero(finite == np.float16(0.3))
    assert mean_ranks(counts)[ordinals(finite)].tolist() == rankdata(finite.astype(np.float64)).tolist()


def test_none() -> None:
    nothing = ordinals(np.zeros(0, np.float16))
    assert highest(nothing, 8).size == lowest(nothing, 8).size == count(nothing).sum() == 0
