"""Models that draw, count or remember while they run, and models that are built by their first batch."""

import random
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.keras import ActiVisCallback

X = np.random.default_rng(0).normal(size=(48, 5, 3)).astype("float32")
Y = (X.sum((1, 2)) > 0).astype("int64")


class Noise(layers.Layer):
    """Draws at inference too, by a seed of its own or by Keras's."""

    def __init__(self, own: bool = True, **options):
        super().__init__(**options)
        self.seed = keras.random.SeedGenerator(1) if own else None

    def call(self, x):
        return x + keras.random.normal(ops.shape(x), seed=self.seed)


class Counter(layers.Layer):
    """Adds how many batches it has seen, of training and of inference."""

    def build(self, shape):
        self.batches = self.add_weight(shape=(), initializer="zeros", trainable=False, name="batches")
        super().build(shape)

    def call(self, x):
        self.batches.assign_add(1.0)
        return x + 0.01 * self.batches


class Late(layers.Layer):
    """Makes its layers when it is built, and their initial seeds of Python's random numbers."""

    def build(self, shape):
        self.dense = layers.Dense(4, activation="relu")
        self.drop = layers.Dropout(0.3)
        self.dense.build(shape)
        super().build(shape)

    def call(self, x, training=False):
        return self.drop(self.dense(x), training=training)


class Always(layers.Layer):
    """Monte Carlo dropout."""

    def __init__(self, **options):
        super().__init__(**options)
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x, training=True)


class Foreign(layers.Layer):
    """Keeps a count in a variable of TensorFlow's own, which Keras does not track."""

    def __init__(self, **options):
        import tensorflow as tf

        super().__init__(**options)
        self.count = tf.Variable(0.0, trainable=False)

    def call(self, x):
        self.count.assign_add(1.0)
        return x + 0.01 * self.count


class Subclassed(keras.Model):
    def __init__(self, *middle):
        super().__init__()
        self.flat, self.h = layers.Flatten(), layers.Dense(6, activation="relu")
        self.middle, self.out = list(middle), layers.Dense(2)

    def call(self, x, training=False):
        x = self.h(self.flat(x))
        for layer in self.middle:
            x = layer(x, training=training) if isinstance(layer, Late | layers.BatchNormalization) else layer(x)
        return self.out(x)


KINDS = {
    "plain": lambda: (),
    "seed": lambda: (Noise(),),
    "global seed": lambda: (Noise(own=False),),
    "monte carlo": lambda: (Always(),),
    "counter": lambda: (Counter(), layers.BatchNormalization()),
    "late": lambda: (Late(), Noise()),
    "foreign": lambda: (Foreign(),),
}


class Shuffled(keras.utils.PyDataset):
    """Training data; Keras orders its batches by Python's random numbers, before the first of them builds the model."""

    def __len__(self):
        return 4

    def __getitem__(self, number):
        return X[12 * number : 12 * number + 12], Y[12 * number : 12 * number + 12]


@pytest.mark.parametrize("eagerly", [False, pytest.param(True, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("kind", KINDS)
def test_training_of_a_model_that_is_not_built_is_bit_identical(tmp_path, kind, eagerly):
    if kind == "foreign" and keras.backend.backend() != "tensorflow":
        pytest.skip("a variable of TensorFlow")
    trained, after = [], []
    for on in (True, False):
        keras.utils.set_random_seed(3)
        model = Subclassed(*KINDS[kind]())
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=eagerly)
        callbacks = [ActiVisCallback(tmp_path, X, Y, batch_size=16, strict=True)] if on else []
        history = model.fit(Shuffled(), epochs=2, verbose=0, callbacks=callbacks).history
        trained.append([np.asarray(variable) for variable in model.variables] + [np.array(history["loss"])])
        if kind == "foreign":
            trained[-1].append(model.middle[0].count.numpy())
        after.append(
            (random.random(), keras.initializers.RandomNormal().seed, np.asarray(keras.random.uniform((3,))).tolist())
        )
    assert all(np.array_equal(one, other) for one, other in zip(*trained, strict=True))
    assert after[0] == after[1]
    assert len(open_run(tmp_path).steps) == 2


def stateful() -> keras.Model:
    inputs = keras.Input(batch_shape=(16, 5, 3))
    h = layers.LSTM(4, stateful=True, return_sequences=True, name="lstm")(inputs)
    h = layers.Bidirectional(layers.GRU(3, stateful=True), name="both")(Noise(name="noise")(h))
    return keras.Model(inputs, layers.Dense(2, name="out")(Counter(name="counter")(h)))


def states_of(model: keras.Model) -> list[np.ndarray]:
    recurrent = [model.get_layer("lstm"), model.get_layer("both").forward_layer, model.get_layer("both").backward_layer]
    states = [state for layer in recurrent for state in layer.states]
    return [np.asarray(value).copy() for value in [*states, *model.variables]]


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="on PyTorch Keras itself fails to train recurrent layers with stateful=True; "
    "on JAX it trains them, and a pass does not have the states of predict",
)
@pytest.mark.parametrize("eagerly", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_states_go_on_from_batch_to_batch_as_in_predict(tmp_path, eagerly):
    keras.utils.set_random_seed(3)
    model = stateful()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=eagerly)
    names = ["lstm", "both", "counter", "out"]
    callback = ActiVisCallback(
        tmp_path, X, Y, batch_size=16, layers=names, reducer="last", sample=None, pinned=X[:16], strict=True
    )
    model.fit(X, Y, batch_size=16, epochs=2, verbose=0, callbacks=[callback])
    before = states_of(model)
    callback.log(99)
    callback.close()
    assert all(np.array_equal(one, other) for one, other in zip(before, states_of(model), strict=True))
    expected = keras.Model(model.inputs, [model.get_layer(name).output for name in names]).predict(
        X, batch_size=16, verbose=0
    )
    snapshot = open_run(tmp_path).snapshot(99)
    rows = np.array(snapshot.instances["id"].to_pylist())
    for name, whole in zip(names, expected, strict=True):
        flat = whole[:, -1] if whole.ndim == 3 else whole
        data = rows >= 0
        ours = snapshot.activations(name).astype("float32")
        np.testing.assert_allclose(ours[data], flat[rows[data]], atol=4e-3, err_msg=name)
        # The pinned instances are a pass of their own, which begins where training left the states.
        np.testing.assert_allclose(ours[~data], flat[:16], atol=4e-3, err_msg=name)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends refuse it themselves")
def test_a_model_without_call_is_refused_before_training(tmp_path):
    class Trained(keras.Model):
        def train_step(self, data):
            return {"loss": 0.0}

    model = Trained()
    model.compile("adam")
    with pytest.raises(ConfigurationError, match=r"Trained has no method call\(\)"):
        model.fit(X, Y, verbose=0, callbacks=[ActiVisCallback(tmp_path, X, Y)])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends build before training")
def test_what_a_model_tells_late_is_a_warning_and_training_goes_on(tmp_path):
    def fit(**options):
        model = Subclassed()
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        callback = ActiVisCallback(tmp_path, X, Y, layers=["nothing*"], **options)
        return len(model.fit(X, Y, epochs=3, verbose=0, callbacks=[callback]).history["loss"])

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert fit() == 3
    texts = [str(warning.message) for warning in caught if warning.category is ActiVisWarning]
    assert len(texts) == 1
    assert "records nothing of this training, which goes on. layers: 'nothing*' matches none" in texts[0]
    with pytest.raises(ConfigurationError, match="matches none"):
        fit(strict=True)
