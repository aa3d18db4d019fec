"""Numbers are compressed where it pays, equally every time."""

import gzip

import numpy as np

from tensorboard_activis.serve.compression import MIN_BYTES, compressed


def test_classes_shrink_and_come_back() -> None:
    content = np.repeat(np.arange(10, dtype=np.int32), 5_000).tobytes()
    smaller = compressed(content)
    assert smaller is not None
    assert len(smaller) < len(content) / 10
    assert gzip.decompress(smaller) == content
    assert compressed(content) == smaller


def test_noise_and_crumbs_are_left_alone() -> None:
    assert compressed(np.random.default_rng(0).normal(size=50_000).astype(np.float32).tobytes()) is None
    assert compressed(b"0" * (MIN_BYTES - 1)) is None


def test_a_trial_looks_beyond_the_beginning() -> None:
    noise = np.random.default_rng(0).bytes(1 << 20)
    assert compressed(b"0" * 20_000 + noise) is None
