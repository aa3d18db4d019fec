"""Captured activations against sub-models run by Keras's own predict and reduced by numpy."""

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


def inputs_of(model: keras.Model):
    return keras.tree.map_structure(lambda tensor: keras.KerasTensor(tensor.shape, tensor.dtype), model.input)


def forward_of(model: keras.Model, names, specs=None, **options) -> Forward:
    specs = inputs_of(model) if specs is None else specs
    recording = record_graph(model, specs)
    return Forward(model, targets(recording, select(recording, names).names, **options), specs)


def predicted(inputs, tensors, x):
    return keras.Model(inputs, tensors).predict(x, verbose=0)


def values(tensor) -> np.ndarray:
    return as_array(tensor)


def unchanged(before, model: keras.Model) -> bool:
    after = [np.asarray(variable) for variable in model.variables]
    return all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))


def test_convolutions_shared_calls_and_nested_models():
    keras.utils.set_random_seed(0)
    image = keras.Input((7, 5, 3))
    conv = layers.Conv2D(4, 3, padding="same", name="conv")
    inner_input = keras.Input((7, 5, 4))
    inner_conv = layers.Conv2D(4, 3, padding="same", name="deep")(inner_input)
    inner = keras.Model(inner_input, layers.ReLU(name="relu")(inner_conv), name="inner")
    widened = layers.Conv2D(3, 1, name="narrow")(conv(image))
    again = conv(widened)
    model = keras.Model(image, layers.GlobalMaxPooling2D(name="pooled")(again + inner(inner(again))))
    x = RANDOM.normal(size=(9, 7, 5, 3)).astype("float32")

    activations, outputs, *_ = forward_of(model, ["conv", "conv@1", "inner*", "inner.deep*", "pooled"])(x)
    first, second = predicted(image, [conv._inbound_nodes[0].outputs[0], conv._inbound_nodes[1].outputs[0]], x)
    parts = keras.Model(inner.inputs, [inner.get_layer("deep").output, inner.output])
    (deep, once), expected = parts.predict(second, verbose=0), {"conv": first, "conv@1": second}
    deeper, twice = parts.predict(once, verbose=0)
    expected |= {"inner": once, "inner.deep": deep, "inner.relu": once}
    expected |= {"inner@1": twice, "inner.deep@1": deeper, "inner.relu@1": twice}
    assert set(activations) == {*expected, "pooled"}
    for name, maps in expected.items():
        assert activations[name].dtype == np.float32
        np.testing.assert_allclose(activations[name], maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(activations["pooled"], outputs)
    np.testing.assert_allclose(outputs, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)


def test_activations_are_those_of_predict_to_one_float16_step():
    # TensorFlow's mean and numpy's add in another order, so a value next to a rounding boundary may fall on its other side.
    image = keras.Input((7, 5, 3))
    maps = layers.Conv2D(4, 3, name="conv")(image)
    model = keras.Model(image, layers.Flatten()(maps))
    x = RANDOM.normal(size=(50, 7, 5, 3)).astype("float32")
    activations, *_ = forward_of(model, ["conv"])(x)
    expected = predicted(image, maps, x).mean(axis=(1, 2)).astype(np.float16)
    steps = activations["conv"].astype(np.float16).view(np.int16).astype(int) - expected.view(np.int16)
    assert np.abs(steps).max() <= 1
    assert (steps == 0).mean() > 0.99


def test_dense_outputs():
    table = keras.Input((6,))
    hidden = layers.Dense(5, activation="relu", name="hidden")(table)
    model = keras.Model(table, layers.Dense(3)(hidden))
    x = RANDOM.normal(size=(7, 6)).astype("float32")
    found = forward_of(model, ["hidden"])(x)[0]["hidden"]
    np.testing.assert_allclose(found, predicted(table, hidden, x), rtol=1e-5, atol=1e-5)


def test_masks_from_embedding_through_attention_and_states():
    tokens = keras.Input((5,), dtype="int32")  # open, Keras 3.15's TimeDistributed would count the batch as time
    embedded = layers.Embedding(11, 6, mask_zero=True, name="embedded")(tokens)
    sequence, *states = layers.LSTM(4, return_sequences=True, return_state=True, name="lstm")(embedded)
    both = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(sequence)
    attended = layers.MultiHeadAttention(2, 3, name="attended")(both, both)
    summed = layers.Add(name="summed")([both, attended])
    each = layers.TimeDistributed(layers.Dense(5), name="each")(summed)
    model = keras.Model(tokens, [layers.GlobalAveragePooling1D(name="pooled")(each), states[0]])
    x = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 1], [9, 0, 0, 0, 0]])
    forward = forward_of(model, ["embedded", "lstm[0]", "lstm[1]", "both", "attended", "summed", "each", "pooled"])
    activations, *_ = forward(x)
    tensors = {
        "embedded": embedded,
        "lstm[0]": sequence,
        "both": both,
        "attended": attended,
        "summed": summed,
        "each": each,
    }
    for name, maps in zip(tensors, predicted(tokens, list(tensors.values()), x), strict=True):
        expected = [row[:count].mean(axis=0) for row, count in zip(maps, (3, 5, 1), strict=True)]
        np.testing.assert_allclose(activations[name], expected, rtol=1e-5, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(activations["lstm[1]"], predicted(tokens, states[0], x), rtol=1e-5, atol=1e-5)


def test_other_reducers_are_recorded_with_the_layer():
    tokens = keras.Input((5,), dtype="int32")
    embedded = layers.Embedding(11, 6, mask_zero=True, name="embedded")(tokens)
    model = keras.Model(tokens, layers.Dense(3, name="dense")(embedded))
    chosen = targets(record_graph(model, inputs_of(model)), ["embedded", "dense"], {"embedded": "last"})
    assert [(target.info.reducer, target.info.neurons, target.info.axis) for target in chosen] == [
        ("last", 6, 1),
        ("mean", 3, 1),
    ]
    activations, *_ = Forward(model, chosen, inputs_of(model))(np.array([[1, 2, 3, 0, 0]]))
    np.testing.assert_array_equal(activations["embedded"][0], model.get_layer("embedded").get_weights()[0][3])


def test_subclassed_layers_are_captured_by_path():
    class Block(layers.Layer):
        def __init__(self, **options) -> None:
            super().__init__(**options)
            self.inner = layers.Dense(4, name="inner")

        def build(self, shape):
            self.inner.build(shape)

        def call(self, x):
            return ops.relu(self.inner(x)) + x

    class Subclassed(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = [Block(name="one"), Block(name="two")]

        def call(self, x):
            for block in (*self.blocks, self.blocks[0]):
                x = block(x)
            return x

    model = Subclassed()
    x = RANDOM.normal(size=(7, 4)).astype("float32")
    model(x)
    specs = keras.KerasTensor((None, 4))
    activations, outputs, *_ = forward_of(model, ["one.inner", "one.inner@1", "two"], specs)(x)
    one, two = model.blocks
    first = one(x)
    np.testing.assert_allclose(activations["one.inner"], values(one.inner(x)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(activations["two"], values(two(first)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(activations["one.inner@1"], values(one.inner(two(first))), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(outputs, values(one(two(first))), rtol=1e-5, atol=1e-5)
    # By default the model's own output stands in for an operator that cannot be seen.
    assert "" in select(record_graph(model, specs), None).names


def test_one_trace_serves_every_call_and_every_batch_size():
    table = keras.Input((6,))
    model = keras.Model(table, layers.Dense(3, name="out")(table))
    forward = forward_of(model, ["out"])
    for count in (8, 8, 3, 1, 8):
        x = RANDOM.normal(size=(count, 6)).astype("float32")
        np.testing.assert_allclose(forward(x)[0]["out"], model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    np.testing.assert_allclose(forward(x)[0]["out"], model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
    assert forward.traces == 1 or keras.backend.backend() == "torch"


def test_fixed_batch_size_is_filled_up_and_cut_again():
    table = keras.Input(batch_shape=(4, 5, 3))
    model = keras.Model(table, layers.LSTM(2, stateful=True, name="lstm")(table))
    x = RANDOM.normal(size=(3, 5, 3)).astype("float32")
    activations, outputs, *_ = forward_of(model, ["lstm"])(x)
    assert activations["lstm"].shape == outputs.shape == (3, 2)
    before = [np.asarray(variable) for variable in model.variables]
    again, *_ = forward_of(model, ["lstm"])(x)
    np.testing.assert_array_equal(activations["lstm"], again["lstm"])  # the states did not move
    assert unchanged(before, model)


def test_variables_and_seeds_stay():
    class Noisy(layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="noisy")
            self.seed = keras.random.SeedGenerator(3)
            self.calls = self.add_weight(shape=(), trainable=False, name="calls")

        def call(self, x):
            self.calls.assign_add(1)
            noise = keras.random.normal(ops.shape(x), seed=self.seed)
            # The global seed; Keras forbids it in what JAX compiles.
            return x + (noise if keras.backend.backend() == "jax" else noise + keras.random.normal(ops.shape(x)))

    table = keras.Input((6,))
    normed = layers.BatchNormalization(momentum=0.5)(Noisy()(layers.Dropout(0.5)(table)))
    model = keras.Model(table, normed)
    before = [np.asarray(variable) for variable in model.variables]
    keras.utils.set_random_seed(5)
    undisturbed = values(keras.random.normal((3,)))
    keras.utils.set_random_seed(5)
    forward = forward_of(model, ["noisy"])
    forward(RANDOM.normal(size=(4, 6)).astype("float32"))
    np.testing.assert_array_equal(undisturbed, values(keras.random.normal((3,))))
    assert unchanged(before, model)
    assert all("call" not in vars(layer) for layer in model.layers)  # nothing stays patched


def test_mixed_precision_is_reduced_in_float32():
    image = keras.Input((7, 5, 3))
    maps = layers.Conv2D(4, 3, dtype="mixed_bfloat16", name="conv")(image)
    model = keras.Model(image, layers.GlobalAveragePooling2D()(maps))
    x = RANDOM.normal(size=(6, 7, 5, 3)).astype("float32")
    activations, *_ = forward_of(model, ["conv"])(x)
    wide = values(keras.ops.cast(keras.Model(image, maps)(x), "float32"))
    np.testing.assert_allclose(activations["conv"], wide.mean(axis=(1, 2)), rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's loops hide what runs inside")
def test_layer_inside_a_loop_is_left_out_or_refused():
    import tensorflow as tf

    class Looping(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = layers.Dense(4, name="first")
            self.step = layers.Dense(4, name="step")
            self.out = layers.Dense(3, name="out")

        def call(self, x):
            return self.out(
                tf.while_loop(lambda n, _: n < 3, lambda n, x: (n + 1, self.step(x)), (0, self.first(x)))[1]
            )

    model, specs = Looping(), keras.KerasTensor((None, 4))
    model(np.zeros((2, 4), "float32"))
    forward = forward_of(model, None, specs)
    activations, outputs, *_ = forward(np.ones((2, 4), "float32"))
    assert "step" not in activations
    np.testing.assert_array_equal(activations["out"], outputs)
    with pytest.raises(ConfigurationError, match="'step' cannot be recorded"):
        forward_of(model, ["step"], specs)
