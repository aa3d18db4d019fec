"""Iterates over float16 activations in blocks that fit a core's cache, with buffers that a thread reuses."""

import threading
from collections.abc import Iterator

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import widen

#: Values of a block: half a megabyte as float32, which a core's second cache holds beside their bits (four times as many take a
#: quarter longer). Of at most so many rows: float32 adds up no more without loss.
_BLOCK = 1 << 17
BLOCK_ROWS = 512
#: Values of a share of the work for a thread: a few milliseconds.
_PART = 1 << 22
#: In values of two bytes.
_HALF_PAGE = 1024


def shares(rows: int, columns: int) -> Iterator[slice]:
    """So many rows in shares for threads."""
    size = max(BLOCK_ROWS, _PART // max(1, columns))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


class Scratch(threading.local):
    """What a thread works in: new memory for every block would cost as much as the work."""

    def __init__(self) -> None:
        self._size = 0

    def _sized(self, size: int) -> None:
        if size > self._size:
            self._size = size
            self._gathered = np.empty(size + _HALF_PAGE, np.int16)
            self._wide = np.empty(size, np.float32)

    def blocks(self, activations: np.ndarray, rows: np.ndarray | slice) -> Iterator[tuple[slice, np.ndarray]]:
        """Where among these rows, and their values' bits, int16 [rows, neurons], until the next is asked for.

        Arguments:
            activations: float16 [instances, neurons].
            rows: positions; or a slice with both ends.
        """
        neurons = activations.shape[1]
        count = rows.stop - rows.start if isinstance(rows, slice) else rows.size
        size = min(BLOCK_ROWS, max(1, _BLOCK // max(1, neurons)))
        self._sized(size * neurons)
        every = activations.view(np.int16)
        for start in range(0, count, size):
            here = slice(start, min(start + size, count))
            if isinstance(rows, slice):
                yield here, every[rows.start + here.start : rows.start + here.stop]
                continue
            some = rows[here]
            dense = some[-1] - some[0] == some.size - 1 and bool((np.diff(some) == 1).all())
            yield here, every[some[0] : some[-1] + 1] if dense else _take(every, some, self._gathered)

    def widened(self, half: np.ndarray) -> np.ndarray:
        """A block, float16 or its bits [rows, neurons], in float32, valid until the next call.

        What is not finite becomes a large number.
        """
        return widen(half, self._wide[: half.size].reshape(half.shape))


def _take(values: np.ndarray, rows: np.ndarray, into: np.ndarray) -> np.ndarray:
    # Where source and target lie alike within their pages, processors (AMD's Zen 3) copy eight times slower.
    apart = (into.ctypes.data - values.ctypes.data) % (4 * _HALF_PAGE)
    start = 0 if _HALF_PAGE <= apart <= 3 * _HALF_PAGE else _HALF_PAGE
    out = into[start : start + rows.size * values.shape[1]].reshape(rows.size, -1)
    return np.take(values, rows, axis=0, out=out, mode="clip")  # "raise" would go through one more buffer


SCRATCH = Scratch()
