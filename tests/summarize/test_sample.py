"""The sample is the instances of lowest hash: known numbers, and no influence of batches or order."""

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.summarize.sample import Sample, ranks


def test_ranks_of_integers_are_splitmix64() -> None:
    # The first outputs of the reference implementation seeded with 0; the next states are multiples of its increment.
    increment = 0x9E3779B97F4A7C15
    states = [(increment * i) % 2**64 for i in range(3)]
    signed = [state - 2**64 if state >= 2**63 else state for state in states]
    assert ranks(signed).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_ranks_of_texts_are_blake2b() -> None:
    expected = [int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") for text in ("ä", "b")]
    assert ranks(["ä", "b"]).tolist() == expected


@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_the_lowest_ranks_are_kept_in_order(instances: int, size: int, batch: int, seed: int) -> None:
    ids = np.random.default_rng(seed).permutation(instances)
    order = ranks(ids.tolist())
    sample = Sample(size)
    for start in range(0, instances, batch):
        rows = np.arange(start, min(start + batch, instances))
        chosen = rows[sample.candidates(order[rows])]
        sample.add(order[chosen], {"id": ids[chosen], "square": (ids**2)[chosen, None]})
    assert sample.order().tolist() == sorted(order.tolist())[:size]
    result = {name: rows.array() for name, rows in sample.result().items()}
    expected = ids[np.argsort(order)][:size]
    np.testing.assert_array_equal(result["id"], expected)
    np.testing.assert_array_equal(result["square"], expected[:, None] ** 2)


def test_without_a_size_all_are_kept() -> None:
    sample = Sample(None)
    sample.add(np.array([3, 1, 2], dtype=np.uint64), {"id": np.array([30, 10, 20])})
    assert sample.result()["id"].array().tolist() == [10, 20, 30]
    assert sample.result() == {}


def test_an_empty_sample() -> None:
    assert Sample(5).result() == {}


def test_all_batches_have_the_same_columns() -> None:
    sample = Sample(5)
    sample.add(np.array([3], np.uint64), {"id": np.array([30]), "label": np.array([1])})
    with pytest.raises(ActiVisError, match="have not: label"):
        sample.add(np.array([4], np.uint64), {"id": np.array([40])})


@pytest.mark.parametrize("size", [3, None])
def test_values_get_the_common_type(size: int | None) -> None:
    sample = Sample(size)
    order = np.array([5, 9, 7], np.uint64)
    sample.add(order[:2], {"id": np.array(["a", "b"]), "number": np.array([1, 2])})
    sample.add(order[2:], {"id": np.array(["long"]), "number": np.array([0.5])})
    result = sample.result()
    assert result["id"].array().tolist() == ["a", "long", "b"]
    assert result["number"].array().tolist() == [1, 0.5, 2]
