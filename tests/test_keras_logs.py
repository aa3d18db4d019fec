"""`logs=True`: the pass gives val_loss and the compiled metrics as `model.evaluate` does on the same data."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning
from tensorboard_activis.keras import ActiVisCallback

R = np.random.default_rng(0)
X = R.normal(size=(50, 6)).astype("float32")
Y = (X.sum(1) > 0).astype("int64")
Z = X[:, :1] * 2
W = R.uniform(0, 3, 50).astype("float32")


class Batches(keras.utils.PyDataset):
    def __init__(self, *parts):
        super().__init__()
        self.parts = parts

    def __len__(self):
        return 4

    def __getitem__(self, number):
        rows = slice(16 * number, 16 * number + 16)
        return tuple(keras.tree.map_structure(lambda part: part[rows], part) for part in self.parts)


class Penalty(layers.Layer):
    def call(self, x):
        self.add_loss(0.1 * ops.mean(ops.square(x)))
        return x


def single(loss="sparse_categorical_crossentropy", **options):
    inputs = keras.Input((6,))
    h = Penalty()(layers.Dense(5, activation="relu", kernel_regularizer="l2", name="h")(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax", name="out")(layers.Dropout(0.3)(h)))
    model.compile("adam", loss, metrics=["accuracy"], **options)
    return model


def several():
    inputs = keras.Input((6,))
    h = layers.Dense(5, activation="relu", name="h")(inputs)
    outputs = {"kind": layers.Dense(2, activation="softmax", name="kind")(h), "size": layers.Dense(1, name="size")(h)}
    model = keras.Model(inputs, outputs)
    model.compile(
        "adam",
        {"kind": "sparse_categorical_crossentropy", "size": "mse"},
        loss_weights={"kind": 1.0, "size": 0.3},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
    )
    return model


def custom(y, predicted):
    return ops.mean(ops.square(ops.one_hot(ops.cast(ops.reshape(y, (-1,)), "int32"), 2) - predicted), axis=-1)


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.h, self.out = layers.Dense(4, activation="relu"), layers.Dense(2, activation="softmax")

    def call(self, x):
        return self.out(self.h(x))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return 2 * super().compute_loss(x, y, y_pred, sample_weight, training)


def own():
    model = Own()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


CASES = {
    "plain": (single, (X, Y)),
    "eager": (lambda: single(run_eagerly=True), (X, Y)),
    "weighted": (lambda: single(weighted_metrics=["accuracy", "sparse_categorical_crossentropy"]), (X, Y, W)),
    "custom loss": (lambda: single(custom), (X, Y)),
    "several outputs": (several, (X, {"kind": Y, "size": Z})),
    "own loss": (own, (X, Y)),
}


class After(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.logs = []

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))


@pytest.mark.parametrize("case", CASES)
def test_names_and_values_are_those_of_evaluate(tmp_path, case):
    make, parts = CASES[case]
    trained = []
    for on in (True, False):
        keras.utils.set_random_seed(1)
        model, after = make(), After()
        callbacks = [ActiVisCallback(tmp_path, Batches(*parts), logs=True, strict=True)] if on else []
        history = model.fit(Batches(*parts), epochs=3, verbose=0, callbacks=[*callbacks, after], shuffle=False).history
        trained.append([*model.get_weights(), np.array(history["loss"])])
        if on:
            expected = {
                f"val_{name}": v for name, v in model.evaluate(Batches(*parts), verbose=0, return_dict=True).items()
            }
            assert {name for name in history if name.startswith("val_")} == set(expected)
            for name, value in expected.items():
                assert history[name][-1] == pytest.approx(value, abs=1e-5), name
                assert after.logs[-1][name] == history[name][-1]
                assert len(history[name]) == 3
    assert all(np.array_equal(one, other) for one, other in zip(*trained, strict=True))
    assert len(open_run(tmp_path).steps) == 3


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras, saving weights
def test_callbacks_that_follow_are_steered_by_it(tmp_path):
    keras.utils.set_random_seed(1)
    logging = ActiVisCallback(tmp_path / "run", X, Y, logs=True, strict=True)
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=0, min_delta=1e9)
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5", monitor="val_loss", save_best_only=True, save_weights_only=True
    )
    history = single().fit(X, Y, epochs=9, verbose=0, callbacks=[logging, stop, best]).history
    assert len(history["val_loss"]) == 2
    assert (tmp_path / "best.weights.h5").exists()


def test_the_validation_of_the_user_stays(tmp_path):
    keras.utils.set_random_seed(1)
    model = single()
    callback = ActiVisCallback(tmp_path, X[:20], Y[:20], logs=True, strict=True)
    history = model.fit(X, Y, verbose=0, validation_data=(X[20:], Y[20:]), callbacks=[callback]).history
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(X[20:], Y[20:], verbose=0)[0], abs=1e-5)


def test_without_labels_it_is_said_once_and_snapshots_are_taken(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = single().fit(X, Y, epochs=2, verbose=0, callbacks=[ActiVisCallback(tmp_path, X, logs=True)]).history
    texts = [str(warning.message) for warning in caught if warning.category is ActiVisWarning]
    assert len(texts) == 1
    assert "logs=True cannot give the model's metrics" in texts[0]
    assert not any(name.startswith("val_") for name in history)
    assert len(open_run(tmp_path).steps) == 2
