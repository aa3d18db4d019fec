"""The CPU time of a snapshot in Keras beside a plain evaluation pass over the same instances, and that of its peers. One thread.

A snapshot is all of `ActiVisCallback.log`: forward passes, one number per neuron and instance, statistics of every neuron over ten
classes, right and wrong, thumbnails of the sample, files on disk. The plain pass is one compiled function per batch, with loss and
accuracy inside: less than `model.evaluate` does. The peers keep no instance: TensorBoard's callback writes histograms of weights,
not of activations; whole maps that are copied to numpy are not even written. Medians of the ratios of runs that take turns.

Usage: python benchmarks/capture_keras.py [REPEATS]
"""

import os

os.environ |= dict.fromkeys(
    (
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
        *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    ),
    "1",
)
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._pairs import in_turns, line
from tensorboard_activis.keras import ActiVisCallback

CLASSES = 10


def convolutional() -> keras.Model:
    """Six convolutions for images of 32 pixels, in three stages."""
    parts: list[Any] = [keras.Input((32, 32, 3))]
    for stage, width in enumerate((64, 128, 256)):
        for number in range(2):
            parts += [
                layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv{stage}_{number}"),
                layers.BatchNormalization(name=f"norm{stage}_{number}"),
                layers.ReLU(name=f"relu{stage}_{number}"),
            ]
        parts.append(layers.MaxPooling2D(name=f"pool{stage}"))
    return keras.Sequential(
        [*parts, layers.GlobalAveragePooling2D(name="pooled"), layers.Dense(CLASSES, name="logits")]
    )


def perceptron() -> keras.Model:
    """Four hidden layers of 2,048."""
    hidden = [layers.Dense(2048, activation="relu", name=f"hidden{number}") for number in range(4)]
    return keras.Sequential([keras.Input((2048,)), *hidden, layers.Dense(CLASSES, name="logits")])


def passes(model: keras.Model, x: np.ndarray, y: np.ndarray, size: int, names: list[str]) -> tuple[Any, Any]:
    """The plain pass, and one that copies the full outputs of these layers to numpy."""
    outputs = keras.Model(model.inputs, [*model.outputs, *(model.get_layer(name).output for name in names)])

    @tf.function(reduce_retracing=True)
    def step(images: Any, labels: Any) -> Any:
        logits = model(images, training=False)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.reduce_sum(loss), tf.reduce_sum(tf.cast(tf.argmax(logits, 1) == labels, tf.int32))

    @tf.function(reduce_retracing=True)
    def whole(images: Any) -> Any:
        return outputs(images, training=False)

    def plain() -> float:
        results = [step(x[start : start + size], y[start : start + size]) for start in range(0, len(x), size)]
        return sum(float(loss) + int(right) for loss, right in results)

    def maps() -> int:
        batches = (whole(x[start : start + size]) for start in range(0, len(x), size))
        arrays = [[output.numpy() for output in batch[1:]] for batch in batches]
        return sum(array.nbytes for batch in arrays for array in batch)

    return plain, maps


def measure(
    title: str, model: keras.Model, x: np.ndarray, size: int, limits: tuple[float, float], repeats: int
) -> None:
    """The table of one model."""
    y = np.random.default_rng(1).integers(0, CLASSES, len(x))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    steps = iter(range(10**9))
    with tempfile.TemporaryDirectory() as directory:

        def callback(name: str, **options: Any) -> ActiVisCallback:
            made = ActiVisCallback(f"{directory}/{name}", x, y, batch_size=size, strict=True, **options)
            made.set_model(model)
            made.log(next(steps))
            return made

        few, every = callback("few"), callback("all", layers=["*"])
        chosen = [layer.name for layer in few.layers]
        plain, maps = passes(model, x, y, size, chosen)
        tensorboard = keras.callbacks.TensorBoard(f"{directory}/peer", histogram_freq=1, write_graph=False)
        tensorboard.set_model(model)
        tensorboard.on_train_begin()

        def histograms() -> None:
            plain()
            tensorboard.on_epoch_end(next(steps))

        ways: dict[str, Callable[[], object]] = {
            "plain": plain,
            "evaluate": lambda: model.evaluate(x, y, batch_size=size, verbose=0),
            "few": lambda: few.log(next(steps)),
            "all": lambda: every.log(next(steps)),
            "maps": maps,
            "histograms": histograms,
        }
        taken = in_turns(ways, repeats, time.process_time)
        print(f"{title}, {len(x):,} instances")
        print(line("  evaluation pass", taken["plain"], taken["plain"]))
        print(line("  model.evaluate", taken["evaluate"], taken["plain"]))
        print(line(f"  ActiVis, {len(few.layers)} layers (the default)", taken["few"], taken["plain"], limits[0]))
        print(line(f"  ActiVis, all {len(every.layers)} layers", taken["all"], taken["plain"], limits[1]))
        memory = f"   {maps() / 1e6:,.0f} MB held"
        print(line(f"  full outputs to numpy, {len(chosen)} layers", taken["maps"], taken["plain"], what=memory))
        print(line("  TensorBoard's callback, histograms of weights", taken["histograms"], taken["plain"]))
        few.close()
        every.close()


def main() -> None:
    """Prints two tables."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    images = random.standard_normal((512, 32, 32, 3), dtype=np.float32)
    measure("Six convolutions at 32 pixels", convolutional(), images, 64, (1.08, 1.15), repeats)
    rows = random.standard_normal((2048, 2048), dtype=np.float32)
    measure("4 x 2,048 perceptron", perceptron(), rows, 256, (1.08, 1.15), repeats)


if __name__ == "__main__":
    main()
