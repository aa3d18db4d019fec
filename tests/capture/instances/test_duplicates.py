"""Deduplication by id, in batches of any size and order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tensorboard_activis.capture.instances.duplicates import DuplicateFilter

HASH = st.integers(0, 2**64 - 1) | st.integers(0, 9)


@given(st.lists(st.lists(HASH, max_size=12), max_size=12))
def test_as_a_set_would_tell(batches: list[list[int]]) -> None:
    duplicates, known = DuplicateFilter(), set[int]()
    for batch in batches:
        expected = []
        for value in batch:
            expected.append(value not in known)
            known.add(value)
        assert duplicates.add(np.array(batch, np.uint64)).tolist() == expected
