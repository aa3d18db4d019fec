"""Which ids came before, in batches of any size and order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tensorboard_activis.capture.duplicates import DuplicateFilter

RANK = st.integers(0, 2**64 - 1) | st.integers(0, 9)


@given(st.lists(st.lists(RANK, max_size=12), max_size=12))
def test_as_a_set_would_tell(batches: list[list[int]]) -> None:
    seen, known = DuplicateFilter(), set[int]()
    for batch in batches:
        expected = []
        for rank in batch:
            expected.append(rank not in known)
            known.add(rank)
        assert seen.new(np.array(batch, np.uint64)).tolist() == expected
