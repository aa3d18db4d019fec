"""Gathers training health, whatever the framework, and writes it in parts."""

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from tensorboard_activis.capture.session import Session
from tensorboard_activis.errors import ActiVisError, warn
from tensorboard_activis.health_codec import make_health
from tensorboard_activis.health_part import HealthLayer

#: What is measured, in the order of the arrays that `HealthLog.add` takes.
MEASURES = (
    "update_ratio",
    "gradient_norm",
    "activation_norm",
    "activation_rms",
    "dead_share",
    "kurtosis",
    "expert_load",
)
#: `health=True`: training steps from one measured step to the next.
DEFAULT_EVERY = 50
#: The same in Keras, where a measured step is computed twice.
KERAS_EVERY = 200
#: After so many measured steps, the next ones are twice as far apart: a run of a million steps stays small.
DOUBLING = 4_096
#: Layers that are measured; the others are said.
MOST_LAYERS = 1_000
#: A part is written after so many measured steps, or so many seconds.
_PART, _SECONDS = 64, 15.0


class HealthLog:
    """Measured steps of training on their way to the event file. An error while writing is one warning, never more.

    Arguments:
        session: gives the session to write in.
        every: steps from one measured step to the next, at first.

    Attributes:
        every: steps from one measured step to the next, now.
    """

    def __init__(self, session: Callable[[], Session], every: int) -> None:
        self._session = session
        self.every = every
        self._measured = 0
        self._layers: tuple[HealthLayer, ...] = ()
        self._steps: list[int] = []
        self._values: list[np.ndarray] = []
        self._loss: list[float] = []
        self._notes: list[str] = []
        self._written_notes = 0
        self._began = time.monotonic()
        self._lock = threading.RLock()
        self._warned = False

    def is_due(self, step: int) -> bool:
        """Whether this step of training is measured."""
        return step % self.every == 0

    def note(self, text: str) -> None:
        """Says once what cannot be measured, for the user who reads the run."""
        if text not in self._notes:
            self._notes.append(text)

    def add(self, step: int, layers: Sequence[HealthLayer], values: np.ndarray, loss: float) -> None:
        """Adds a measured step.

        Arguments:
            values: float32 [measures, layers]; NaN where nothing was measured, infinite where it was not finite.
            loss: of training; NaN where it is not known.
        """
        with self._lock:
            if tuple(layers) != self._layers or (self._steps and step <= self._steps[-1]):
                self.flush()
            self._layers = tuple(layers)
            self._steps.append(step)
            self._values.append(values.astype(np.float32))
            self._loss.append(loss)
            self._measured += 1
            if len(self._steps) >= _PART or time.monotonic() - self._began > _SECONDS:
                self.flush()
            if self._measured % DOUBLING == 0:
                self.flush()
                self.every *= 2

    def flush(self) -> None:
        """Writes what was added since the last time."""
        with self._lock:
            steps, values, loss = self._steps, self._values, self._loss
            self._steps, self._values, self._loss = [], [], []
            self._began = time.monotonic()
            if not steps:
                return
            try:
                session = self._session()
                notes = self._notes[self._written_notes :]
                session.write_health(
                    make_health(
                        session.name,
                        time.time(),
                        tuple(steps),
                        MEASURES,
                        self._layers,
                        np.stack(values, axis=2),
                        np.array(loss, np.float32),
                        self.every,
                        tuple(notes),
                    )
                )
                self._written_notes += len(notes)
            except (ActiVisError, OSError) as error:
                if not self._warned:
                    self._warned = True
                    warn(
                        f"ActiVis lost the training health of steps {steps[0]:,} to {steps[-1]:,}; training goes on. "
                        f"{type(error).__name__}: {error} (Said once.)"
                    )


def measures_of(rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The measures of layers, float32 [measures, layers].

    Arguments:
        rows: float64 [layers, 7]: of the outputs, sum of squares, kurtosis, share of dead neurons, share of tokens of the busiest
            expert; sum of squares of the gradients; sums of squares of what changed and of the weights before.
        counts: int [layers, 4]: values and instances of the outputs, and whether there were gradients and an update.
    """
    squares, kurtosis, dead, load, gradient, moved, weights = rows.T
    values, instances, has_gradient, has_moved = counts.T
    found = dict.fromkeys(MEASURES, np.full(len(rows), np.nan))
    with np.errstate(all="ignore"):
        found["gradient_norm"] = _measured(np.sqrt(gradient), has_gradient > 0)
        found["activation_norm"] = _measured(np.sqrt(squares / np.maximum(instances, 1)), values > 0)
        found["activation_rms"] = _measured(np.sqrt(squares / np.maximum(values, 1)), values > 0)
        found["update_ratio"] = _measured(np.sqrt(moved / weights), (has_moved > 0) & (weights != 0))
    found["dead_share"], found["expert_load"] = dead, load
    # All values are equal, or one is not finite: no kurtosis.
    found["kurtosis"] = np.where(np.isfinite(kurtosis), kurtosis, np.nan)
    return np.stack([found[measure] for measure in MEASURES]).astype(np.float32)


def _measured(values: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """NaN where nothing was measured; infinite where what was measured is not finite."""
    return np.where(measured, np.where(np.isfinite(values), values, np.inf), np.nan)
