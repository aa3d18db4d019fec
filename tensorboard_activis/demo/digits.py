"""The data of the demo: scikit-learn's handwritten digits, which its package ships."""

from dataclasses import dataclass

import numpy as np

CLASSES = 10
SEED = 20


@dataclass(frozen=True, slots=True)
class Digits:
    """The digits in two halves, one for training and one for evaluation, with equal shares of every class.

    Attributes:
        train_images, images: float32 [instances, 8, 8] in 0..1, bright ink on an empty ground.
        train_labels, labels: int64 [instances], the digit.
        instance_ids: int64 [instances], the index of each evaluation image in scikit-learn's data set.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    instance_ids: np.ndarray

    def with_wrong_labels(self, share: float) -> "Digits":
        """A copy in which a share (0..1) of the training labels is replaced by other digits."""
        random = np.random.default_rng(SEED)
        wrong = random.permutation(len(self.train_labels))[: round(share * len(self.train_labels))]
        labels = self.train_labels.copy()
        labels[wrong] = (labels[wrong] + random.integers(1, CLASSES, size=len(wrong))) % CLASSES
        return Digits(self.train_images, labels, self.images, self.labels, self.instance_ids)


def load_digits() -> Digits:
    """The digits, split in halves; the same split every time."""
    from sklearn.datasets import load_digits as load
    from sklearn.model_selection import train_test_split

    data = load()
    images, labels = (data.images / 16).astype(np.float32), data.target.astype(np.int64)
    train, evaluation = train_test_split(np.arange(len(labels)), test_size=0.5, stratify=labels, random_state=SEED)
    evaluation = np.sort(evaluation)
    return Digits(images[train], labels[train], images[evaluation], labels[evaluation], evaluation)
