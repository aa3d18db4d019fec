"""A small Keras network with all that training may disturb, and data for it. Sizes differ on all axes."""

import keras
import numpy as np
from keras import layers

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(70, 7, 5, 3)).astype("float32")
Y = RANDOM.integers(0, 3, size=70)
NAMES = ["ant", "bee", "cat"]


def network() -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((7, 5, 3)),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.GlobalAveragePooling2D(name="pooled"),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(3, name="logits"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    return model


def fitted(callbacks, *, epochs: int = 3, seed: int = 1) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = network()
    model.fit(X, Y, batch_size=16, epochs=epochs, verbose=0, callbacks=callbacks)
    return model


def state(model: keras.Model) -> dict[str, np.ndarray]:
    variables = [*model.variables, *model.optimizer.variables]
    return {f"{number} {variable.path}": np.asarray(variable) for number, variable in enumerate(variables)}
