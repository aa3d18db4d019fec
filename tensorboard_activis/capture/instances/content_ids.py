"""Instance ids from content hashes, for instances that have no id."""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np


class ContentIds:
    """Makes instance ids by hashing content: the same id at every step, in every order, in every run.

    The position in the data would not do, for data may be shuffled. Make one object per pass over the data: the second instance
    with the same content gets the suffix `-1`, the third `-2`.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def for_batch(self, *inputs: np.ndarray) -> list[str]:
        """Ids of the instances of a batch, hexadecimal strings.

        Arguments:
            inputs: arrays [instances, ...] of equal length; an id hashes one instance of each.
        """
        count = len(inputs[0]) if inputs else 0
        return [self.instance_id([array[index] for array in inputs]) for index in range(count)]

    def instance_id(self, parts: Sequence[np.ndarray]) -> str:
        """The id of one instance, whose content is these arrays."""
        digest = content_digest(parts)
        count = self._seen[digest]
        self._seen[digest] += 1
        return f"{digest}-{count}" if count else digest


def content_digest(parts: Sequence[np.ndarray]) -> str:
    """A hash of the content of one instance, hexadecimal; of its arrays' types, shapes and values."""
    state = blake2b(digest_size=12)
    for part in parts:
        value = np.asarray(part)
        if value.ndim == 1 and value.dtype.kind in "iu":
            # Token ids: without padding, which depends on the other instances of the batch.
            value = np.trim_zeros(value, "b")
        state.update(f"{value.dtype.str}{value.shape}".encode())
        # An object array holds texts or bytes: its memory is addresses, which change.
        state.update(repr(value.tolist()).encode() if value.dtype.hasobject else np.ascontiguousarray(value).tobytes())
    return state.hexdigest()
