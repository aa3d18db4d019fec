"""The settings of one training run of the demo, the same for every framework."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from tensorboard_activis.demo.digits import SEED, Digits

#: User subsets, in the language of the tab's query box.
SUBSETS = {"3 or 8, wrong": "label in [3, 8] and not correct", "unsure": "score < 0.6"}


class Progress(Protocol):
    """The part of a tqdm progress bar that training needs."""

    def update(self, n: int = 1) -> object: ...

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> object: ...


class Clock:
    """Seconds spent on logging, and on everything else, which is training."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self.logging = 0.0

    @contextmanager
    def measure_logging(self) -> Iterator[None]:
        """Count the time inside as logging."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.logging += time.perf_counter() - started

    @property
    def training(self) -> float:
        """Seconds since the clock was made that were not logging."""
        return time.perf_counter() - self._started - self.logging


@dataclass(frozen=True, slots=True)
class Plan:
    """One training run of the demo.

    Attributes:
        log_dir: the run's own directory; its scalars go there, and ActiVis makes its child directory in it.
        digits: the data.
        epochs: how often training goes through the data; a snapshot is logged after each.
        batch_size: instances per training step.
        learning_rate: of Adam.
    """

    log_dir: Path
    digits: Digits
    epochs: int
    batch_size: int = 45
    learning_rate: float = 1e-4

    @property
    def steps(self) -> int:
        """Training steps in all epochs."""
        return self.epochs * -(-len(self.digits.train_labels) // self.batch_size)

    def batches(self, epoch: int) -> Iterator[np.ndarray]:
        """Indices of the training images, in a new order for each epoch."""
        order = np.random.default_rng([SEED, epoch]).permutation(len(self.digits.train_labels))
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]
