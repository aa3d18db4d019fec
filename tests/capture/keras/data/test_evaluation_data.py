"""Evaluation data in all its forms, and what labels mean."""

import keras
import numpy as np
import pytest

from tensorboard_activis.capture.keras.data.evaluation_data import evaluation_data
from tensorboard_activis.capture.keras.data.outputs import content, image_channels, loss_names, output_arrays
from tensorboard_activis.errors import ConfigurationError

X = np.arange(7 * 5 * 3, dtype="float64").reshape(7, 5, 3)
Y = np.arange(7) % 3


def test_arrays_are_cut_into_batches_of_the_model_s_type():
    data = evaluation_data(X, Y, 4)
    batches = list(data)
    assert [batch.inputs.shape for batch in batches] == [(4, 5, 3), (3, 5, 3)]
    assert batches[0].inputs.dtype == np.float32
    np.testing.assert_array_equal(np.concatenate([batch.labels for batch in batches]), Y)
    np.testing.assert_array_equal(batches[1].raw[0], X[4:])
    assert data.by_position
    assert data.fixed_order
    assert data.specs.shape == (None, 5, 3)
    assert len(list(data)) == data.batches == 2


def test_structures_lists_and_tensors():
    data = evaluation_data({"left": X, "right": X[..., 0].astype(np.int32)}, {"out": Y}, 10)
    (batch,) = data
    assert batch.inputs["right"].dtype == np.int32
    assert batch.labels["out"].tolist() == Y.tolist()
    (batch,) = evaluation_data([X, X[:, 0]], None, 10)
    assert [part.shape for part in batch.inputs] == [(7, 5, 3), (7, 3)]
    (batch,) = evaluation_data([[1, 2], [3, 4], [5, 6]], [0, 1, 0], 10)
    assert batch.inputs.shape == (3, 2)
    (batch,) = evaluation_data(keras.ops.convert_to_tensor(X), keras.ops.convert_to_tensor(Y), 10)
    assert isinstance(batch.inputs, np.ndarray)


class Sequence(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int):
        rows = slice(4 * number, 4 * number + 4)
        return X[rows], Y[rows]


def test_data_sets_are_batches_as_they_come():
    data = evaluation_data(Sequence(), None, 10)
    assert not data.by_position
    assert data.specs.shape == (None, 5, 3)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.data")
def test_tf_data():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((X.astype("float32"), Y)).batch(4)
    data = evaluation_data(dataset, None, 10)
    assert data.specs.shape == (None, 5, 3)
    assert [len(batch.labels) for batch in data] == [4, 3]
    shuffled = evaluation_data(dataset.unbatch().shuffle(7, seed=1).batch(2), None, 10)
    assert shuffled.fixed_order
    first, second = (np.concatenate([batch.labels for batch in shuffled]) for _ in range(2))
    np.testing.assert_array_equal(first, Y)  # not in an order of chance
    np.testing.assert_array_equal(second, Y)
    with pytest.raises(ConfigurationError, match="x is an empty data set"):
        evaluation_data(dataset.take(0), None, 10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X[:0], None, 4), "x holds no instances"),
        (({}, None, 4), "x holds no arrays"),
        ((np.float32(1), None, 4), "must hold arrays"),
        ((X, Y[:5], 4), "same number of instances; got x 7, y 5"),
        (({"left": X, "right": X[:3]}, None, 4), "got x 7, x 3"),
        ((Sequence(), Y, 4), "y must be None"),
        ((X, Y, 4, 0), "steps must be a positive number of batches, or None; got 0"),
        ((X, Y, 4, True), "steps must be a positive number of batches, or None; got True"),
        ((keras.utils.PyDataset(), None, 4), "a PyDataset that does not say how many batches it has.*__len__"),
        ((X, Y, 0), "batch_size must be a positive number of instances; got 0"),
    ],
)
def test_what_cannot_be_evaluated_on_is_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        evaluation_data(*arguments)


def test_outputs_have_key_paths():
    size, kind = np.zeros((7, 1)), np.ones((7, 3))
    assert [path for path, _ in output_arrays(kind)] == [""]
    assert dict(output_arrays({"size": size, "aux": [kind, None]})) == {"[size]": size, "[aux][0]": kind}


def test_an_output_may_have_no_labels():
    data = evaluation_data(X, [None, Y], 4, 1)
    assert data.labels is not None
    assert data.labels[0] is None
    (batch,) = data
    assert batch.labels[0] is None
    np.testing.assert_array_equal(batch.labels[1], Y[:4])


def test_content_is_an_image_if_there_is_one():
    image, table = np.zeros((7, 9, 11, 3)), np.zeros((7, 4))
    assert content({"table": table, "image": image}) is image
    assert content([table, np.array(["text"] * 7)]) is table
    assert content(np.array(["text"] * 7)) is None
    assert image_channels(image) == "last"
    assert image_channels(np.moveaxis(image, -1, 1)) == "first"


def test_losses_by_name():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    assert loss_names(model) == ""
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy())
    assert loss_names(model) == "sparse_categorical_crossentropy"
    model.compile(loss=["mse"])
    assert loss_names(model) == "mse"
