"""Graphs of Keras models, against what was built by hand. Sizes differ on all axes: 7 x 5 x 3."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from tensorboard_activis.capture.keras.forward import Forward
from tensorboard_activis.capture.keras.graph.recording import Recording, record_graph
from tensorboard_activis.capture.keras.targets import targets


def inputs_of(model: keras.Model):
    return keras.tree.map_structure(lambda tensor: keras.KerasTensor(tensor.shape, tensor.dtype), model.input)


def nodes(recording: Recording):
    return {node.key: node for node in recording.graph.nodes}


def edges(recording: Recording) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in recording.graph.edges}


class Block(layers.Layer):
    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.left = layers.Dense(5, name="left")
        self.right = layers.Dense(5, name="right")
        self.spare = layers.Dense(2, name="spare")

    def build(self, shape):
        self.left.build(shape)
        self.right.build(shape)
        self.built = True

    def call(self, x):
        return ops.relu(self.left(x) + self.right(x))


class Subclassed(keras.Model):
    def __init__(self, tensorflow_inside: bool = False) -> None:
        super().__init__()
        self.block = Block("block")
        self.out = layers.Dense(3, name="out")
        self.tensorflow_inside = tensorflow_inside

    def call(self, x, training=False):
        x = self.block(self.block(x))
        if self.tensorflow_inside:
            import tensorflow as tf

            x = tf.nn.tanh(x)
        return self.out(x)


def subclassed(**options) -> keras.Model:
    model = Subclassed(**options)
    model(np.zeros((2, 5), "float32"))
    return model


def test_functional_with_shared_layer_nested_model_and_two_inputs_and_outputs():
    inner = keras.Sequential([keras.Input((7, 5, 4)), layers.Conv2D(4, 3, padding="same", name="conv")], name="inner")
    shared = layers.Dense(6, name="shared")
    image, table = keras.Input((7, 5, 3), name="image"), keras.Input((6,), name="table")
    first = layers.Conv2D(4, (3, 5), strides=1, padding="same", activation="relu", name="first")(image)
    pooled = layers.GlobalAveragePooling2D(name="pooled")(inner(inner(first)) + first)
    joined = layers.Concatenate(name="joined")([pooled, shared(shared(table))])
    model = keras.Model(
        {"image": image, "table": table},
        {"kind": layers.Dense(3, name="kind")(joined), "size": layers.Dense(1, name="size")(joined)},
    )
    before = [len(layer._inbound_nodes) for layer in model.layers]
    recording = record_graph(model, inputs_of(model))
    found = nodes(recording)
    add = next(operation.name for operation in model.operations if type(operation).__name__ == "Add")

    assert recording.graph.framework == "keras"
    assert recording.graph.origin == "functional"
    assert recording.graph.nodes[0].key == ""
    assert recording.graph.nodes[0].name == "Functional"
    assert recording.graph.nodes[0].parameters == model.count_params()
    assert set(found) == {
        *("", "/input[image]", "/input[table]", "first", "inner", "inner.conv", "inner@1", "inner.conv@1", add),
        *("pooled", "shared", "shared@1", "joined", "kind", "size", "/output[kind]", "/output[size]"),
    }
    assert edges(recording) == {
        ("/input[image]", "first"),
        ("first", "inner.conv"),
        ("inner.conv", "inner.conv@1"),
        ("inner.conv@1", add),
        ("first", add),
        (add, "pooled"),
        ("/input[table]", "shared"),
        ("shared", "shared@1"),
        ("pooled", "joined"),
        ("shared@1", "joined"),
        ("joined", "kind"),
        ("joined", "size"),
        ("kind", "/output[kind]"),
        ("size", "/output[size]"),
    }
    conv = found["inner.conv@1"]
    assert (conv.parent, conv.kind, conv.name, conv.type, conv.call, conv.calls) == (
        "inner@1",
        "module",
        "conv@1",
        "Conv2D",
        1,
        2,
    )
    assert conv.parameters == 3 * 3 * 4 * 4 + 4
    assert conv.outputs[0].sizes == (-1, 7, 5, 4)
    assert found[add].kind == "operator"
    assert found["/input[image]"].kind == "input"
    assert found["/output[size]"].outputs[0].sizes == (-1, 1)
    assert dict(found["first"].attributes) == {"kernel": "3×5", "filters": "4", "padding": "same", "activation": "relu"}
    assert recording.axes["first"] == 2
    assert recording.axes["joined"] == 0
    # The model is as before.
    assert [len(layer._inbound_nodes) for layer in model.layers] == before


def test_subclassed_runs_symbolically_with_operators_and_what_never_ran():
    recording = record_graph(subclassed(), keras.KerasTensor((None, 5)))
    found = nodes(recording)
    assert recording.graph.origin == "symbolic"
    assert ("block/relu", "block.left@1") in edges(recording)
    assert edges(recording) >= {("/input", "block.left"), ("block.left", "block/add"), ("block/add", "block/relu")}
    assert edges(recording) >= {("block@1/relu", "out"), ("out", "/output")}
    assert found["block"].calls == 2
    assert found["block@1/add"].parent == "block@1"
    assert (found["block.spare"].calls, found["block.spare"].parameters) == (0, 0)
    # Keras shows no operators while the model runs on values.
    assert recording.replayed == {"block/add", "block/relu", "block@1/add", "block@1/relu"}
    assert {"block", "block.left@1", "out"} <= recording.observable - recording.replayed


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="follows the data through TensorFlow's own graph")
def test_subclassed_with_tensorflow_operations_is_traced():
    recording = record_graph(subclassed(tensorflow_inside=True), keras.KerasTensor((None, 5)))
    assert recording.graph.origin == "recorded"
    assert nodes(recording)["block.right@1"].parent == "block@1"
    assert edges(recording) == {
        *(("/input", "block.left"), ("/input", "block.right"), ("block.left", "block.left@1")),
        *(("block.right", "block.left@1"), ("block.left", "block.right@1"), ("block.right", "block.right@1")),
        *(("block.left@1", "out"), ("block.right@1", "out"), ("out", "/output")),
    }


def test_model_that_cannot_run_without_data_is_a_tree():
    class Stubborn(Subclassed):
        def call(self, x, training=False):
            # Values, please.
            return super().call(x) if np.isfinite(ops.convert_to_numpy(x)).all() else x

    model = Stubborn()
    model.block.build((None, 5))
    recording = record_graph(model, keras.KerasTensor((None, 5)))
    assert recording.graph.origin == "tree"
    assert set(nodes(recording)) == {"", "block", "block.left", "block.right", "block.spare", "out"}
    assert recording.graph.edges == ()
    # With data at hand calls and shapes are known all the same.
    recording = record_graph(model, keras.KerasTensor((None, 5)), np.zeros((3, 5), "float32"))
    found = nodes(recording)
    assert recording.graph.origin == "tree"
    assert recording.graph.edges == ()
    assert found["block.left@1"].outputs[0].sizes == (-1, 5)
    assert found["block.spare"].calls == 0
    assert {"block.left@1", "out"} <= recording.observable
    forward = Forward(model, targets(recording, ["out"]), keras.KerasTensor((None, 5)), eager=True)
    x = np.ones((4, 5), "float32")
    expected = keras.ops.convert_to_numpy(model(keras.ops.convert_to_tensor(x)))
    np.testing.assert_allclose(forward(x)[0]["out"], expected, rtol=1e-5, atol=1e-5)


def test_parts_of_an_output_are_nodes_and_masks_are_not():
    tokens = keras.Input((7,), dtype="int32")
    embedded = layers.Embedding(11, 5, mask_zero=True, name="embedded")(tokens)
    sequence, state, _ = layers.LSTM(3, return_sequences=True, return_state=True, name="lstm")(embedded)
    attended = layers.MultiHeadAttention(2, 4, name="attended")(sequence, sequence)
    model = keras.Model(tokens, [attended, state])
    recording = record_graph(model, inputs_of(model))
    found = nodes(recording)
    assert {key for key, node in found.items() if node.kind == "module"} == {"", "embedded", "lstm", "attended"}
    assert [key for key, node in found.items() if node.kind == "operator"] == ["attended/heads"]
    assert (found["attended/heads"].type, found["attended/heads"].outputs[0].sizes) == ("heads · 2", (-1, 7, 2))
    assert (found["lstm[1]"].parent, found["lstm[1]"].outputs[0].sizes) == ("lstm", (-1, 3))
    assert "lstm" not in recording.observable
    assert {"lstm[0]", "lstm[1]", "attended"} <= recording.observable
    assert edges(recording) == {
        *(("/input", "embedded"), ("embedded", "lstm[0]"), ("embedded", "lstm[1]"), ("embedded", "lstm[2]")),
        *(("lstm[0]", "attended/heads"), ("attended/heads", "/output[0]"), ("lstm[1]", "/output[1]")),
    }


def test_neuron_axis_follows_channels_first():
    image = keras.Input((3, 7, 5))
    x = layers.Conv2D(4, 3, padding="same", data_format="channels_first", name="conv")(image)
    x = layers.Activation("relu", name="act")(layers.BatchNormalization(axis=1, name="norm")(x))
    x = layers.Permute((2, 3, 1), name="permuted")(x)
    x = layers.Activation("gelu", name="late")(layers.LayerNormalization(name="layernorm")(x))
    model = keras.Model(image, x)
    axes = record_graph(model, inputs_of(model)).axes
    assert {name: axes[name] for name in ("conv", "norm", "act", "permuted", "layernorm", "late")} == {
        **dict.fromkeys(("conv", "norm", "act"), 0),
        **dict.fromkeys(("permuted", "layernorm", "late"), 2),
    }


def test_automatic_names_count_on_as_if_nobody_had_looked():
    model = subclassed()
    first = layers.Dense(2)
    record_graph(model, keras.KerasTensor((None, 5)))
    second = layers.Dense(2)
    assert int(second.name.removeprefix("dense_")) == int(first.name.removeprefix("dense").removeprefix("_") or 0) + 1
