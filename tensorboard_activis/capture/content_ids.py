"""Stable identities for instances that come without one."""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np


class ContentIds:
    """Names instances by their content alone: the same at every step, in every order, in every run.

    Reading order cannot serve instead: a data set may shuffle. One object serves one pass over the data: the second instance
    with the same content gets `-1` at its end, the third `-2`.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def for_batch(self, *inputs: np.ndarray) -> list[str]:
        """Ids for a batch, hexadecimal text.

        Arguments:
            inputs: arrays [instances, ...] of equal length; an id is of all of them together.
        """
        count = len(inputs[0]) if inputs else 0
        return [self.instance_id([array[row] for array in inputs]) for row in range(count)]

    def instance_id(self, parts: Sequence[np.ndarray]) -> str:
        """The id of one instance that consists of these arrays."""
        name = _digest(parts)
        count = self._seen[name]
        self._seen[name] += 1
        return f"{name}-{count}" if count else name


def _digest(parts: Sequence[np.ndarray]) -> str:
    state = blake2b(digest_size=12)
    for part in parts:
        value = np.asarray(part)
        if value.ndim == 1 and value.dtype.kind in "iu":
            # Token ids: how far a batch is padded depends on what else is in it.
            value = np.trim_zeros(value, "b")
        state.update(f"{value.dtype.str}{value.shape}".encode())
        # Objects are texts or bytes: their memory holds addresses, which change.
        state.update(repr(value.tolist()).encode() if value.dtype.hasobject else np.ascontiguousarray(value).tobytes())
    return state.hexdigest()
