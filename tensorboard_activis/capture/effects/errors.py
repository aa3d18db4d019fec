"""The errors of an evaluation that can be in the sample, with what it takes to run them again."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.capture.effects.rerun import Held, Parts, Repeatable, Rerun

#: Bytes of inputs that are held at a time; beyond this the errors of highest hash are given up.
MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class _Chunk:
    """Errors of one batch: hashes uint64 [errors], class indices and margins [errors], and the instances."""

    hashes: np.ndarray
    labels: np.ndarray
    margins: np.ndarray
    held: Held

    def below(self, bound: np.uint64) -> "_Chunk | None":
        rows = np.flatnonzero(self.hashes < bound)
        if rows.size == self.hashes.size:
            return self
        if not rows.size:
            return None
        return _Chunk(self.hashes[rows], self.labels[rows], self.margins[rows], self.held.take(rows))


class KeptErrors:
    """Collects the errors, batch by batch; memory is bounded.

    Attributes:
        rerun: the model; None before the first error.
        undivided: errors that cannot be run again, because their batch cannot be divided into instances.
        given_up: whether errors were given up because inputs took too many bytes.
    """

    def __init__(self) -> None:
        self._chunks: list[_Chunk] = []
        self._wrong: list[np.ndarray] = []
        self._bytes = 0
        self.rerun: Rerun | None = None
        self.undivided = 0
        self.given_up = False

    def add(
        self,
        hashes: np.ndarray,
        rows: np.ndarray,
        labels: np.ndarray,
        margins: np.ndarray,
        batch: Repeatable,
        bound: np.uint64 | None,
    ) -> None:
        """Adds the errors of a batch.

        Arguments:
            hashes: of the errors, uint64 [errors].
            rows: their rows in the batch.
            labels, margins: of the errors, class indices and numbers.
            batch: it.
            bound: hashes from here on are in no sample any more; None: all may be.
        """
        if not rows.size:
            return
        self.rerun = batch.rerun
        self._wrong.append(hashes)
        held = batch.held()
        if held is None:
            self.undivided += rows.size
            return
        chunk = _Chunk(hashes, labels, margins, held.take(rows))
        self._chunks.append(chunk)
        self._bytes += chunk.held.nbytes
        if self._bytes > MOST_BYTES and bound is not None:
            self._keep_below(bound)
        if self._bytes > MOST_BYTES:
            self.given_up = True
            every = np.sort(np.concatenate([chunk.hashes for chunk in self._chunks]))
            self._keep_below(every[every.size * 3 // 4])

    def wrong(self) -> np.ndarray:
        """Hashes of all errors, whether or not they can be run again, uint64 [errors]."""
        return np.concatenate([np.zeros(0, np.uint64), *self._wrong])

    def runnable(self) -> np.ndarray:
        """Hashes of the errors that can be run again."""
        return np.concatenate([np.zeros(0, np.uint64), *(chunk.hashes for chunk in self._chunks)])

    def chosen(self, hashes: np.ndarray) -> "ChosenErrors":
        """Those of these errors that are here, in the order of hashes; `hashes` is uint64, ascending."""
        own = self.runnable()
        chunk = np.repeat(np.arange(len(self._chunks)), [each.hashes.size for each in self._chunks])
        row = np.concatenate([np.zeros(0, np.int64), *(np.arange(each.hashes.size) for each in self._chunks)])
        order = np.argsort(own, kind="stable")
        order = order[np.isin(own[order], hashes)]
        labels = np.concatenate([np.zeros(0, np.int64), *(each.labels for each in self._chunks)])
        margins = np.concatenate([np.zeros(0), *(each.margins for each in self._chunks)])
        held = [each.held for each in self._chunks]
        return ChosenErrors(own[order], labels[order], margins[order], held, chunk[order], row[order])

    def _keep_below(self, bound: np.uint64) -> None:
        self._chunks = [kept for chunk in self._chunks if (kept := chunk.below(bound)) is not None]
        self._bytes = sum(chunk.held.nbytes for chunk in self._chunks)


@dataclass(frozen=True)
class ChosenErrors:
    """Errors to run, in the order of hashes.

    Attributes:
        hashes, labels, margins: uint64, int64 and float64 [errors].
        held: of batches. chunk, row: in which of these each error is, and where in it.
    """

    hashes: np.ndarray
    labels: np.ndarray
    margins: np.ndarray
    held: list[Held]
    chunk: np.ndarray
    row: np.ndarray

    def take(self, errors: np.ndarray) -> "ChosenErrors":
        """Some of these errors, int [rows], perhaps several times."""
        return ChosenErrors(
            self.hashes[errors],
            self.labels[errors],
            self.margins[errors],
            self.held,
            self.chunk[errors],
            self.row[errors],
        )

    @property
    def parts(self) -> Parts:
        """What is to be run."""
        parts = []
        for index in np.unique(self.chunk):
            positions = np.flatnonzero(self.chunk == index)
            parts.append((self.held[index].take(self.row[positions]), positions))
        return parts
