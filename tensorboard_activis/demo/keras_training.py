"""Trains and logs one run of the demo in Keras."""

from collections.abc import Mapping
from functools import cache

import keras
import numpy as np

from tensorboard_activis.demo.digits import SEED
from tensorboard_activis.demo.keras_network import digits_net
from tensorboard_activis.demo.plan import SUBSETS, Clock, Plan, Progress
from tensorboard_activis.keras import ActiVisCallback


def train(plan: Plan, progress: Progress, clock: Clock) -> float:
    """Train one run and log a snapshot after every epoch.

    Returns:
        The share of the evaluation images that the trained network gets right.
    """
    digits = plan.digits
    evaluation = digits.images[..., None], digits.labels
    model, initial = compiled(plan.learning_rate)
    keras.utils.set_random_seed(SEED)
    for variable, value in zip(state(model), initial, strict=True):
        variable.assign(value)
    with clock.measure_logging():
        activis = TimedCallback(clock, plan.log_dir, *evaluation, subsets=SUBSETS)
    scalars = keras.callbacks.TensorBoard(str(plan.log_dir), write_graph=False)
    history = model.fit(
        digits.train_images[..., None],
        digits.train_labels,
        batch_size=plan.batch_size,
        epochs=plan.epochs,
        validation_data=evaluation,
        callbacks=[scalars, activis, ProgressCallback(progress)],
        verbose=0,
    )
    return float(history.history["val_accuracy"][-1])


@cache
def compiled(learning_rate: float) -> tuple[keras.Model, list[np.ndarray]]:
    """The compiled network and the initial values of its variables. All runs train this model: tracing takes long."""
    keras.utils.set_random_seed(SEED)
    model = digits_net()
    optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build(model.trainable_variables)  # made while the step is traced, they would have it traced twice
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model, [keras.ops.convert_to_numpy(variable) for variable in state(model)]


def state(model: keras.Model) -> list[keras.Variable]:
    """All variables that training changes: those of the model and of the optimizer."""
    return [*model.variables, *model.optimizer.variables]


class TimedCallback(ActiVisCallback):
    """ActiVis' callback, whose time counts as logging."""

    def __init__(self, clock: Clock, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._clock = clock

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        with self._clock.measure_logging():
            super().on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        with self._clock.measure_logging():
            super().on_epoch_end(epoch, logs)


class ProgressCallback(keras.callbacks.Callback):
    """Moves the demo's progress bar."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._progress.update()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._progress.set_postfix_str(f"epoch {epoch + 1}, accuracy {(logs or {}).get('val_accuracy', 0):.1%}")
