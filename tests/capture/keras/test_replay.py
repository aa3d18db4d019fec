"""Operators in the code of layers, against the same sums written out. Sizes differ on all axes."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from tensorboard_activis.capture.keras.data.batches import as_array
from tensorboard_activis.capture.keras.forward import Forward
from tensorboard_activis.capture.keras.graph.recording import record_graph
from tensorboard_activis.capture.keras.targets import select, targets
from tensorboard_activis.errors import ConfigurationError

RANDOM = np.random.default_rng(0)


def forward_of(model: keras.Model, names, specs, **options) -> Forward:
    recording = record_graph(model, specs)
    return Forward(model, targets(recording, select(recording, names).names, **options), specs)


class Residual(layers.Layer):
    """Two convolutions, with operators between and behind them."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.first = layers.Conv2D(3, 3, padding="same", name="first")
        self.second = layers.Conv2D(3, 3, padding="same", name="second")

    def build(self, shape):
        self.first.build(shape)
        self.second.build(shape)

    def call(self, x):
        return ops.relu(self.second(ops.relu(self.first(x))) + x)


class Network(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = [Residual(name="one"), Residual(name="two")]
        self.out = layers.Dense(2, name="out")

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        left, right = ops.split(ops.mean(x, axis=(1, 2)), [1], axis=1)
        return self.out(ops.concatenate([right, left * 2], axis=1))


def test_operators_of_a_subclassed_model():
    model, specs = Network(), keras.KerasTensor((None, 7, 5, 3))
    x = RANDOM.normal(size=(6, 7, 5, 3)).astype("float32")
    model(x)
    names = ["one.first", "one/relu", "one/add", "one/relu_1", "two", "two/relu", "/split[0]", "/split[1]", "out"]
    forward = forward_of(model, names, specs)
    activations, outputs, *_ = forward(x)
    one, two = model.blocks
    hidden = np.maximum(as_array(one.first(x)), 0)
    added = as_array(one.second(hidden)) + x
    once = np.maximum(added, 0)
    deeper = np.maximum(as_array(two.first(once)), 0)
    twice = as_array(two(once))
    expected = {
        "one.first": as_array(one.first(x)),
        "one/relu": hidden,
        "one/add": added,
        "one/relu_1": once,
        "two/relu": deeper,
        "two": twice,
    }
    assert set(activations) == set(names)
    for name, maps in expected.items():
        np.testing.assert_allclose(activations[name], maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-5, err_msg=name)
    mean = twice.mean(axis=(1, 2))
    np.testing.assert_allclose(activations["/split[0]"], mean[:, :1], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(activations["/split[1]"], mean[:, 1:], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(outputs, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(activations["out"], outputs, rtol=1e-5, atol=1e-5)
    again, *_ = forward(x[:4])
    np.testing.assert_allclose(again["one/add"], activations["one/add"][:4], rtol=1e-5, atol=1e-5)
    assert forward.traces == 1 or keras.backend.backend() == "torch"


def test_operators_of_a_functional_model_are_layers_like_any_other():
    image = keras.Input((7, 5, 3))
    conv = layers.Conv2D(3, 3, padding="same", name="conv")(image)
    model = keras.Model(image, layers.GlobalMaxPooling2D(name="pooled")(ops.relu(conv) + image))
    relu, add = (operation.name for operation in model.operations if type(operation).__name__ in ("Relu", "Add"))
    x = RANDOM.normal(size=(6, 7, 5, 3)).astype("float32")
    specs = keras.KerasTensor((None, 7, 5, 3))
    recording = record_graph(model, specs)
    assert not recording.replayed
    activations, *_ = Forward(model, targets(recording, [relu, add], {add: "max"}), specs)(x)
    maps = np.maximum(keras.Model(image, conv).predict(x, verbose=0), 0)
    np.testing.assert_allclose(activations[relu], maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(activations[add], (maps + x).max(axis=(1, 2)), rtol=1e-5, atol=1e-5)


def test_masks_reach_operators():
    class Scaled(layers.Layer):
        def __init__(self, **options) -> None:
            super().__init__(**options)
            self.supports_masking = True

        def call(self, x):
            return ops.tanh(x * 3)

    tokens = keras.Input((5,), dtype="int32")
    embedded = layers.Embedding(11, 4, mask_zero=True, name="embedded")(tokens)
    sequence = layers.LSTM(3, return_sequences=True, name="lstm")(embedded)
    model = keras.Model(tokens, layers.GlobalAveragePooling1D(name="pooled")(Scaled(name="scaled")(sequence)))
    x = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 1], [9, 0, 0, 0, 0]])
    names = ["embedded", "lstm", "scaled/multiply", "scaled/tanh", "scaled"]
    activations, *_ = forward_of(model, names, keras.KerasTensor((None, 5), "int32"))(x)
    maps, rows = keras.Model(tokens, [embedded, sequence]).predict(x, verbose=0)
    expected = {
        "embedded": maps,
        "lstm": rows,
        "scaled/multiply": rows * 3,
        "scaled/tanh": np.tanh(rows * 3),
        "scaled": np.tanh(rows * 3),
    }
    for name, values in expected.items():
        means = [row[:count].mean(axis=0) for row, count in zip(values, (3, 5, 1), strict=True)]
        np.testing.assert_allclose(activations[name], means, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="code that only TensorFlow's tensors go through")
def test_operators_that_nobody_can_see_are_refused_with_what_to_do():
    class Tanh(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layers.Dense(4, name="inner")

        def call(self, x):
            import tensorflow as tf

            return tf.nn.tanh(self.inner(x)) + x

    model = Tanh()
    model(np.zeros((2, 4), "float32"))
    with pytest.raises(ConfigurationError, match=r"'/add' matches none.*[Ww]rite it with keras.ops.*or name the layer"):
        forward_of(model, ["/add"], keras.KerasTensor((None, 4)))


def test_code_that_does_something_else_without_values_is_refused():
    class Sly(layers.Layer):
        def call(self, x):
            return x * (2 if isinstance(x, keras.KerasTensor) else 3)

    table = keras.Input((4,))
    model = keras.Model(table, layers.Dense(2, name="out")(Sly(name="sly")(table)))
    x = np.ones((3, 4), "float32")
    with pytest.raises(ConfigurationError, match="computes something else. Name the layers around the operators"):
        forward_of(model, ["sly/multiply"], keras.KerasTensor((None, 4)))(x)
    activations, *_ = forward_of(model, ["sly"], keras.KerasTensor((None, 4)))(x)
    np.testing.assert_array_equal(activations["sly"], x * 3)
