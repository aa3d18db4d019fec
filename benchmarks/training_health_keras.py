"""What `health=True` costs `fit` in Keras: CPU time of batches with and without it, in turns in the same process.

    KERAS_BACKEND=tensorflow|torch|jax python -m benchmarks.training_health_keras [--steps N] [--model cnn|perceptron]

What is traced and compiled once is left out: it takes about as long as the training step's own compilation.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Mapping

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

from tensorboard_activis.capture.health import KERAS_EVERY
from tensorboard_activis.keras import ActiVisCallback


def block(x: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """Two convolutions with batch norms, and a shortcut."""
    y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same")(x)))
    return layers.ReLU()(layers.Add()([x, layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same")(y))]))


def cnn() -> keras.Model:
    """A ResNet of four blocks on pictures of 16 x 16 pixels."""
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(32, 3, padding="same")(inputs)
    for _ in range(4):
        x = block(x, 32)
    model = keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def perceptron() -> keras.Model:
    """Four layers of width 256 on the same pictures, as small as what is trained in earnest gets: what is fixed weighs most."""
    inputs = keras.Input((16, 16, 3))
    x = layers.Flatten()(inputs)
    for _ in range(4):
        x = layers.Dense(256, activation="relu")(x)
    model = keras.Model(inputs, layers.Dense(10)(x))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


MODELS = {"cnn": cnn, "perceptron": perceptron}


class Clock(keras.callbacks.Callback):
    """CPU time of each batch, with what callbacks that come behind it do before, and those before it after."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        """The time at which a batch begins."""
        self.begun.append(time.process_time())

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Waits until the step is computed, which JAX does beside Python."""
        float((logs or {})["loss"])

    def on_train_end(self, logs: object = None) -> None:
        """And that of the last one's end."""
        self.begun.append(time.process_time())

    @property
    def milliseconds(self) -> np.ndarray:
        """Of each batch."""
        return 1000 * np.diff(self.begun)


def main() -> None:
    """Prints the milliseconds of a step, of one that is measured, and what so many of them cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--model", choices=[*MODELS], default="cnn")
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    count = 16 * arguments.steps
    x, y = random.normal(size=(count, 16, 16, 3)).astype("float32"), random.integers(0, 10, count)
    model, clock = MODELS[arguments.model](), Clock()
    with tempfile.TemporaryDirectory() as directory:
        # Every second batch is measured, so that both kinds are of the same moments; the first ones are traced.
        callback = ActiVisCallback(directory, x[:4], health=2, every=1000)
        model.fit(x, y, batch_size=16, verbose=0, callbacks=[clock, callback])
    taken = clock.milliseconds[10:-2]
    measured, plain = float(np.median(taken[::2])), float(np.median(taken[1::2]))
    extra = (measured - plain) / plain
    print(
        "| backend, model | step (ms) | a measured step (ms) | extra, in steps | health=True |\n| --- | --- | --- | --- | --- |"
    )
    name, ratio = keras.backend.backend(), 1 + extra / KERAS_EVERY
    print(f"| {name}, {arguments.model} | {plain:.1f} | {measured:.1f} | {extra:.2f} | {ratio:.3f} |")


if __name__ == "__main__":
    main()
