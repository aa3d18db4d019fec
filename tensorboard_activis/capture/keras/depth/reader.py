"""Reads prediction by depth of one model, if after the last block it says what the model itself says."""

from collections.abc import Mapping

import numpy as np

from tensorboard_activis.capture.depth import DepthRecord, depth_record
from tensorboard_activis.capture.keras.depth.blocks import BlockRow, problem_of
from tensorboard_activis.capture.keras.depth.tail import Tail

#: How far the logits after the last block may be from the model's own, as a share of the largest; in half precision.
_TOLERANCE, _HALF_TOLERANCE = 1e-3, 3e-2


class DepthReader:
    """Reads the batches of a model.

    Arguments:
        row: its blocks.
        tail: what it computes behind them; None if that is known not to do.
        path: key path of the score among its outputs.
        shift: of the labels of a language model (`next_token_shift`); None for a classifier.
        probabilities: whether the score is probabilities; None: as it looks.
        half: whether the model computes in half precision.

    Attributes:
        problem: why nothing is recorded, as a sentence; "" as long as something is.
    """

    def __init__(
        self,
        row: BlockRow,
        tail: Tail | None,
        path: str,
        shift: int | None,
        probabilities: bool | None,
        *,
        half: bool = False,
    ) -> None:
        self._row, self._tail, self._path, self._shift, self._probabilities = row, tail, path, shift, probabilities
        self._tolerance = _HALF_TOLERANCE if half else _TOLERANCE
        self._said = False
        self.problem = row.problem

    def places(self, labels: np.ndarray | None, instances: int, size: int) -> np.ndarray:
        """Which position of each instance is read, int32 [size]: the last one whose next token is known.

        Arguments:
            labels: [instances, positions], negative where there is none.
            size: of the batch with what fills it up.
        """
        places = np.zeros(size, np.int32)
        if self._shift is not None and labels is not None and labels.ndim == 2:
            numbers = np.where(labels >= 0, np.arange(labels.shape[1]), -1).max(axis=1, initial=-1)
            places[:instances] = np.maximum(numbers - self._shift, 0)
        return places

    def read(
        self, found: Mapping[str, np.ndarray], own: np.ndarray | None, labels: np.ndarray | None, instances: int
    ) -> DepthRecord:
        """What is read of a batch.

        Arguments:
            found: by key path of an output, what the model says after each block: float32 [instances, blocks, classes].
            own: the model's own score, [instances, classes] or [instances, positions, classes].
            labels: class indices [instances], or of tokens [instances, positions].
        """
        logits = found.get(self._path)
        if not self.problem and self._tail is not None and self._tail.problem:
            self.problem = problem_of(self._row.last, self._tail.problem)
        elif not self.problem and (logits is None or own is None):
            self.problem = problem_of(self._row.last, "the score is none of the outputs that are")
        if self.problem or logits is None or own is None:
            return DepthRecord.unknown(self._row.keys, instances, failed=True)
        token = ""
        known: np.ndarray | None = None if labels is None else labels
        if self._shift is not None:
            token = "next"
            places, each = self.places(labels, instances, instances), np.arange(instances)
            own = own[each, places]
            known = None
            if labels is not None:
                target = np.minimum(places + self._shift, labels.shape[1] - 1)
                labelled: np.ndarray = np.any(labels >= 0, axis=1)
                known = np.where(labelled, labels[each, target], -1)
                # Without a label there is no position to read.
                logits = np.where(labelled[:, None, None], logits, np.nan)
        elif known is not None and known.ndim == 2:
            known = known.argmax(axis=1)
        if not self._is_same(logits[:, -1], own.reshape(instances, -1)):
            self.problem = problem_of(self._row.last, "what is computed from it again is not what the model says")
            return DepthRecord.unknown(self._row.keys, instances, failed=True)
        return depth_record(self._row.keys, logits, known, self._probabilities, token)

    def new_notes(self) -> list[str]:
        """Why nothing is recorded, in words, if it has not been said."""
        new = [self.problem] if self.problem and not self._said else []
        self._said = self._said or bool(new)
        return new

    def _is_same(self, read: np.ndarray, own: np.ndarray) -> bool:
        known = np.isfinite(own) & np.isfinite(read)
        if read.shape != own.shape:
            return False
        if not known.any():
            return True
        limit = self._tolerance * max(float(np.abs(own[known]).max()), 1e-6)
        return bool((np.abs(read - own)[known] <= limit).all())
