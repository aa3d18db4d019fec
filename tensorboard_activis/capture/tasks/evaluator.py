"""Detects the task (classification, regression, …) from outputs and labels, and computes the predictions of each batch."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from tensorboard_activis.capture.tasks.classification import multi_label, single_label
from tensorboard_activis.capture.tasks.labels import is_distribution
from tensorboard_activis.capture.tasks.predictions import Predictions
from tensorboard_activis.capture.tasks.ranking import ranking, regression
from tensorboard_activis.capture.tasks.tokens import MOST_KINDS, TokenScores, token_predictions, token_scores
from tensorboard_activis.errors import ConfigurationError

#: What `task=` may be; None decides by the first batch.
TASKS = ("classification", "multilabel", "regression", "ranking", "tokens", "none")

_SHAPES = {
    "classification": "one score per class, [instances, classes], or one number for two classes",
    "multilabel": "one score per class, [instances, classes]",
    "regression": "one number or several, [instances] or [instances, numbers]",
    "ranking": "one score, [instances]",
    "tokens": "scores for every position, [instances, positions, classes]",
}


class TaskEvaluator:
    """Computes predictions from a model's outputs and labels. The first batch decides what they are, for all batches.

    Arguments:
        class_names: as in every callback.
        task: one of TASKS, or None.
        probabilities: whether outputs are probabilities; None: detected in the first batch.
        ignored: a label that says that there is none, and is no invalid one, as -100 of positions; None: there is no such.

    Attributes:
        task: the task; None before the first batch, unless it was passed.
        classes: number of classes; 0 without classes.
        labelled: whether there are labels.
        has_texts: whether labels and predictions are texts, of a vocabulary that is too large to be classes.
    """

    def __init__(
        self,
        class_names: Sequence[str] | None,
        task: str | None = None,
        probabilities: bool | None = None,
        ignored: int | None = None,
    ) -> None:
        self._names, self._ignored = class_names, ignored
        self._probabilities = probabilities
        self._decided = False
        self.task = task
        self.classes = 0
        self.labelled = self.has_texts = False

    @property
    def judged(self) -> bool:
        """Whether instances are right or wrong."""
        has_classes = self.task in ("classification", "multilabel", "tokens") and self.classes > 0
        return self.labelled and (has_classes or self.has_texts)

    @property
    def probabilities(self) -> bool:
        """Whether outputs are probabilities, as far as is known."""
        return bool(self._probabilities)

    def evaluate(
        self,
        outputs: np.ndarray | TokenScores | Predictions | None,
        labels: np.ndarray | None,
        groups: pa.Array | None = None,
    ) -> Predictions:
        """Predictions, scores and losses of a batch.

        Args:
            outputs: logits or probabilities [instances, classes]; [instances] or [instances, 1] for regression, ranking or two
                classes; [instances, positions, classes] for tokens, or the `TokenScores` of these; or what the model predicts
                of a vocabulary.
            labels: class indices [instances], or their probabilities [instances, classes]; 0 and 1 [instances, classes]; numbers;
                class indices [instances, positions].
            groups: for ranking, any value per instance that identifies its group.

        Raises:
            ConfigurationError: shapes are not what the task needs, or the number of classes is not that of the class names.
        """
        if isinstance(outputs, Predictions):
            self.task, self.labelled, self.has_texts = self.task or "tokens", outputs.label is not None, True
            self._decided = True
            return outputs
        found = self._evaluated(outputs, labels, groups)
        if self._ignored is None or labels is None or labels.ndim != 1:
            return found
        expected = int(np.count_nonzero(labels == self._ignored))
        return replace(found, invalid_labels=max(found.invalid_labels - expected, 0))

    def _evaluated(
        self, outputs: np.ndarray | TokenScores | None, labels: np.ndarray | None, groups: pa.Array | None
    ) -> Predictions:
        if isinstance(outputs, np.ndarray):
            outputs = outputs.astype(np.float64)
            if outputs.ndim == 2 and outputs.shape[1] == 1 and self.task != "multilabel":
                outputs = outputs[:, 0]
            if labels is not None and labels.ndim == 2 and outputs.ndim == 1 and labels.shape[1] == 1:
                labels = labels[:, 0]
        if not self._decided:
            self._decide(outputs, labels)
        if self.task == "tokens":
            if isinstance(outputs, np.ndarray):
                outputs = token_scores(outputs, labels)
            assert isinstance(outputs, TokenScores)
            return token_predictions(outputs)
        if outputs is None or isinstance(outputs, TokenScores) or self.task == "none":
            return self._labels_only(labels)
        if self.task == "classification":
            return single_label(outputs, labels, probabilities=bool(self._probabilities))
        if self.task == "multilabel":
            return multi_label(outputs, labels, probabilities=bool(self._probabilities))
        return ranking(outputs, labels, groups) if self.task == "ranking" else regression(outputs, labels)

    @property
    def decided(self) -> tuple[str | None, int, bool, bool, bool | None]:
        """What the first batch decided, for `decide_as` in another process."""
        return self.task, self.classes, self.labelled, self.has_texts, self._probabilities

    def decide_as(self, decided: tuple[str | None, int, bool, bool, bool | None]) -> None:
        """Takes over what another process decided, instead of deciding by a first batch."""
        self.task, self.classes, self.labelled, self.has_texts, self._probabilities = decided
        self._decided = True

    def _labels_only(self, labels: np.ndarray | None) -> Predictions:
        """Labels without predictions, as of embeddings whose classes are known."""
        if labels is None or labels.ndim != 1:
            return Predictions()
        if self.classes and labels.dtype.kind in "iub":
            label = np.where((labels >= 0) & (labels < self.classes), labels, -1).astype(np.int64)
            return Predictions(label, label, invalid_labels=int((label < 0).sum()))
        return Predictions(labels.astype(np.float64 if labels.dtype.kind == "f" else np.int64))

    def _decide(self, outputs: np.ndarray | TokenScores | None, labels: np.ndarray | None) -> None:
        requested = self.task
        if isinstance(outputs, TokenScores):
            self.task, self.classes = requested or "tokens", outputs.classes
            self.labelled = outputs.right is not None
            if not outputs.judged:
                self.classes = 0  # a vocabulary: too many to compare
        else:
            self.task = requested or _guess(outputs, labels, named=self._names is not None)
            self.labelled = labels is not None
            _check(self.task, outputs, labels)
            if self.task in ("classification", "multilabel", "tokens") and outputs is not None:
                self.classes = 2 if outputs.ndim == 1 else outputs.shape[-1]
            if self.task == "tokens" and self.classes > MOST_KINDS:
                self.classes = 0
            if outputs is not None and outputs.ndim in (1, 2):
                one_of_many = self.task != "multilabel" and outputs.ndim == 2
                if self._probabilities is None:
                    self._probabilities = _is_simplex(outputs) if one_of_many else _in_unit(outputs)
                elif self._probabilities:  # by the model's last step, which may be of a part of the outputs
                    self._probabilities = _in_unit(outputs)
        if self.task == "none" and self._names is not None and labels is not None and labels.dtype.kind in "iub":
            self.classes = len(self._names)
        if self.classes and self._names is not None and len(self._names) != self.classes:
            raise ConfigurationError(
                f"class_names has {len(self._names)} names, but the model tells {self.classes} classes apart. Name every "
                "class, in the order of the model's outputs."
            )
        self._decided = True


def _guess(outputs: np.ndarray | None, labels: np.ndarray | None, *, named: bool) -> str:
    """Guesses the task from the outputs and labels of the first batch."""
    if outputs is None or not outputs.size:
        return "none"
    integers = labels is not None and labels.dtype.kind in "iub"
    flat = labels is not None and labels.ndim == 1
    if outputs.ndim == 3:
        fits = labels is not None and labels.shape == outputs.shape[:2] and integers
        return "tokens" if fits else "none"
    if outputs.ndim == 2:
        if labels is not None and labels.shape == outputs.shape:
            targets = np.nan_to_num(labels.astype(np.float64), nan=-1)
            if np.isin(targets, (0, 1, -1)).all():
                return "multilabel"
            return "classification" if is_distribution(labels) else "regression"
        if (flat and integers) or (labels is None and (named or _is_simplex(outputs))):
            return "classification"
        return "none"
    if outputs.ndim == 1 and labels is not None and flat:
        binary = integers and set(np.unique(labels).tolist()) <= {-1, 0, 1}
        return "classification" if binary else "regression"
    return "none"


def _check(task: str, outputs: np.ndarray | None, labels: np.ndarray | None) -> None:
    """Raises ConfigurationError if outputs or labels have not the shape that this task needs."""
    if task == "none":
        return
    ranks = {"classification": (1, 2), "multilabel": (2,), "regression": (1, 2), "ranking": (1,), "tokens": (3,)}
    if outputs is None or outputs.ndim not in ranks[task]:
        got = "none that is understood" if outputs is None else f"outputs of shape {outputs.shape}"
        raise ConfigurationError(
            f"task={task!r} needs {_SHAPES[task]}; the model gives {got}. Choose another task of {', '.join(TASKS)}, or a "
            "model that returns them first or as `logits`."
        )
    expected = {"multilabel": outputs.shape, "regression": outputs.shape, "tokens": outputs.shape[:2]}
    if task == "classification" and outputs.ndim == 2 and labels is not None and labels.ndim == 2:
        expected[task] = outputs.shape  # soft labels
    shape = expected.get(task, outputs.shape[:1])
    if labels is not None and labels.shape != shape:
        raise ConfigurationError(
            f"task={task!r} needs labels of shape {shape} for outputs of shape {outputs.shape}; got {labels.shape}."
        )


def _in_unit(outputs: np.ndarray) -> bool:
    finite = outputs[np.isfinite(outputs)]
    return bool(((finite >= -1e-6) & (finite <= 1 + 1e-6)).all())


def _is_simplex(outputs: np.ndarray, tolerance: float = 1e-3) -> bool:
    known = outputs[np.isfinite(outputs).all(axis=1)]
    return bool(known.size) and _in_unit(known) and bool(np.allclose(known.sum(axis=1), 1, atol=tolerance))
