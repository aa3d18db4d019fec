"""Which layers of Keras models are recorded when nobody says which, by name; and their values, against models that end in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tensorboard_activis import open_run
from tensorboard_activis.keras import ActiVisCallback

RANDOM = np.random.default_rng(0)
INSTANCES = 23
WORDS = 31


class Block(layers.Layer):
    """A residual block of two dense layers."""

    def __init__(self, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.wide = layers.Dense(9, activation="gelu", name="wide")
        self.narrow = layers.Dense(width, name="narrow")

    def build(self, shape: Any) -> None:
        self.wide.build(shape)
        self.narrow.build((*shape[:-1], 9))
        super().build(shape)

    def call(self, x: Any) -> Any:
        return x + self.narrow(self.wide(x))


def convolutions() -> keras.Model:
    image = keras.Input((10, 9, 3))
    h = layers.Conv2D(4, 3, name="conv1")(image)
    h = layers.ReLU(name="relu1")(layers.BatchNormalization(name="norm1")(h))
    h = layers.Conv2D(5, 3, activation="relu", name="conv2")(layers.MaxPooling2D(name="pool")(h))
    h = layers.Dropout(0.5, name="drop")(layers.Flatten(name="flat")(h))
    logits = layers.Dense(3, name="logits")(layers.Dense(6, activation="relu", name="hidden")(h))
    return keras.Model(image, layers.Softmax(name="softmax")(logits))


def blocks() -> keras.Model:
    tokens = keras.Input((7,), dtype="int32")
    h = layers.Embedding(WORDS, 6, name="embedding")(tokens)
    for index in range(3):
        h = Block(6, name=f"block{index}")(h)
    h = layers.GlobalAveragePooling1D(name="pooled")(layers.LayerNormalization(name="norm")(h))
    return keras.Model(tokens, layers.Dense(3, name="logits")(h))


def latent() -> keras.Model:
    features = keras.Input((8,))
    h = layers.Dense(6, activation="relu", name="encoder")(features)
    mean, deviation = layers.Dense(2, name="mean")(h), layers.Dense(2, name="deviation")(h)
    h = layers.Dense(5, activation="relu", name="decoder")(mean)
    return keras.Model(features, [layers.Dense(8, name="reconstruction")(h), mean, deviation])


def residual() -> keras.Model:
    """25 blocks without a module around any."""
    image = keras.Input((5, 5, 2))
    h = layers.Conv2D(2, 3, padding="same", name="stem")(image)
    for index in range(25):
        y = layers.Conv2D(2, 3, padding="same", activation="relu", name=f"block{index}_conv1")(h)
        y = layers.Conv2D(2, 3, padding="same", name=f"block{index}_conv2")(y)
        h = layers.ReLU(name=f"block{index}_out")(layers.Add(name=f"block{index}_add")([h, y]))
    return keras.Model(image, layers.Dense(3, name="logits")(layers.GlobalAveragePooling2D(name="pooled")(h)))


def vocabulary() -> keras.Model:
    features = keras.Input((4,))
    h = layers.Dense(5, activation="relu", name="hidden")(features)
    return keras.Model(features, layers.Dense(8193, name="logits")(h))


def tokens() -> np.ndarray:
    return RANDOM.integers(0, WORDS, (INSTANCES, 7))


def normal(*sizes: int) -> Callable[[], np.ndarray]:
    return lambda: RANDOM.normal(size=(INSTANCES, *sizes)).astype("float32")


MODELS: dict[str, tuple[Callable[[], keras.Model], Callable[[], np.ndarray], list[str]]] = {
    "convolutions": (convolutions, normal(10, 9, 3), ["relu1", "conv2", "hidden", "logits"]),
    "blocks": (blocks, tokens, ["embedding", "block0", "block1", "block2", "norm", "logits"]),
    "latent": (latent, normal(8), ["deviation", "decoder", "encoder", "mean", "reconstruction"]),
    "residual": (residual, normal(5, 5, 2), ["stem", *(f"block{index}_out" for index in range(25)), "logits"]),
    "vocabulary": (vocabulary, normal(4), ["hidden"]),
}


@pytest.mark.parametrize("name", list(MODELS))
def test_default_layers_and_their_values(tmp_path: Path, name: str) -> None:
    keras.utils.set_random_seed(0)
    make, data, expected = MODELS[name]
    model, x = make(), data()
    activis = ActiVisCallback(tmp_path, x, batch_size=9, task="none", strict=True)
    activis.set_model(model)
    activis.on_train_begin()
    assert sorted(layer.name for layer in activis.layers) == sorted(expected)
    printed = [line.split()[0] for line in repr(activis.layers).splitlines() if line.endswith("yes")]
    assert sorted(printed) == sorted(expected)
    activis.log(0)
    activis.close()
    snapshot = open_run(tmp_path).latest
    ids = np.asarray(snapshot.instances["id"])
    ends = keras.Model(model.inputs, [model.get_layer(layer).output for layer in expected])
    outputs = ends.predict(x, verbose=0)
    for layer, output in zip(expected, outputs if len(expected) > 1 else [outputs], strict=True):
        values = output.reshape(INSTANCES, -1, output.shape[-1]).mean(1)
        np.testing.assert_allclose(snapshot.activations(layer), values[ids], rtol=2e-3, atol=1e-3, err_msg=layer)
    noted = [note for note in snapshot.notes if "more than 8,192 neurons" in note]
    assert [("logits (8,193)" in note) for note in noted] == ([True] if name == "vocabulary" else [])
