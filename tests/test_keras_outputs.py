"""Of a Keras model with several outputs, the score is the one that fits the labels: by instance id, against `predict`."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.keras import ActiVisCallback

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(33, 5)).astype("float32")
Y = RANDOM.integers(0, 3, 33)
REAL = RANDOM.normal(size=33).astype("float32")


def model(form: str, width: int = 4) -> keras.Model:
    """Features, and scores of three classes and one number that dense layers make of them, in some form."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((5,))
    features = layers.Dense(width, activation="relu", name="hidden")(inputs)
    kind = layers.Dense(3, name="kind")(features)
    size = layers.Dense(1, name="size")(features)
    outputs: dict[str, Any] = {
        "features first": [features, kind],
        "features last": [kind, features],
        "dict": {"a": features, "kind": kind},
        "both": [size, kind],
        "both by name": {"size": size, "kind": kind},
        "logits": {"a": features, "logits": kind},
    }
    return keras.Model(inputs, outputs[form])


def logged(tmp_path: Any, model: keras.Model, *data: Any, **options: Any) -> Any:
    callback = ActiVisCallback(tmp_path, *data, strict=True, **{"batch_size": 8, **options})
    callback.set_model(model)
    callback.log(1)
    callback.close()
    return open_run(tmp_path).latest


def column(snapshot: Any, name: str) -> list[Any]:
    """In the order of the ids."""
    table = snapshot.instances.select(["id", name]).to_pydict()
    return [value for _, value in sorted(zip(table["id"], table[name], strict=True))]


def output(model: keras.Model, layer: str) -> np.ndarray:
    return np.asarray(keras.Model(model.inputs, model.get_layer(layer).output).predict(X, verbose=0))


def cross_entropy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    scores = scores.astype(np.float64)
    return np.log(np.exp(scores).sum(1)) - scores[np.arange(len(labels)), labels]


@pytest.mark.parametrize("width", [4, 3])
@pytest.mark.parametrize("form", ["features first", "features last", "dict", "logits"])
@pytest.mark.parametrize("as_batches", [False, True])
def test_classes(tmp_path: Any, form: str, width: int, as_batches: bool) -> None:
    tested = model(form, width)
    batches = [(X[start : start + 8], Y[start : start + 8]) for start in range(0, 33, 8)]

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return len(batches)

        def __getitem__(self, index: int) -> Any:
            return batches[index]

    data = (Batches(),) if as_batches else (X, Y)
    snapshot = logged(tmp_path, tested, *data, id=lambda batch: [int((row == X).all(1).argmax()) for row in batch[0]])
    scores = output(tested, "kind")
    assert column(snapshot, "prediction") == scores.argmax(1).tolist()
    np.testing.assert_allclose(column(snapshot, "loss"), cross_entropy(scores, Y), rtol=1e-4, atol=1e-5)
    assert sum("The score is" in note for note in snapshot.record.notes) == 1


def test_numbers(tmp_path: Any) -> None:
    tested = model("both")
    snapshot = logged(tmp_path, tested, X, REAL)
    assert snapshot.record.task == "regression"
    np.testing.assert_allclose(column(snapshot, "prediction"), output(tested, "size")[:, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", ["both", "both by name"])
@pytest.mark.parametrize(("labels", "layer"), [({"kind": Y}, "kind"), ({"size": REAL}, "size")])
def test_labels_by_the_name_of_their_output(tmp_path: Any, form: str, labels: Any, layer: str) -> None:
    tested = model(form)
    snapshot = logged(tmp_path, tested, X, labels)
    scores = output(tested, layer)
    expected = scores.argmax(1) if layer == "kind" else scores[:, 0]
    np.testing.assert_allclose(column(snapshot, "prediction"), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(column(snapshot, "label"), labels[layer], rtol=1e-6)


@pytest.mark.parametrize("form", ["both", "both by name"])
@pytest.mark.parametrize("labels", [{"size": REAL, "kind": Y}, [REAL, Y]], ids=["by name", "by position"])
def test_labels_of_both(tmp_path: Any, form: str, labels: Any) -> None:
    tested = model(form)
    if form == "both by name" and isinstance(labels, list):
        labels = {"kind": Y, "size": REAL}
    snapshot = logged(tmp_path, tested, X, labels)
    kind, size = output(tested, "kind"), output(tested, "size")[:, 0]
    number, classes = ("", "kind_") if form == "both" else ("size_", "")  # Keras sorts the names of outputs
    classes = "output1_" if isinstance(labels, list) else classes
    np.testing.assert_allclose(column(snapshot, f"{number}prediction"), size, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(column(snapshot, f"{number}label"), REAL, rtol=1e-6)
    np.testing.assert_allclose(column(snapshot, f"{number}loss"), (size - REAL) ** 2, rtol=1e-4, atol=1e-5)
    assert column(snapshot, f"{classes}prediction") == kind.argmax(1).tolist()
    assert column(snapshot, f"{classes}correct") == (kind.argmax(1) == Y).tolist()
    np.testing.assert_allclose(column(snapshot, f"{classes}loss"), cross_entropy(kind, Y), rtol=1e-4, atol=1e-5)


def test_labels_by_the_position_of_their_output(tmp_path: Any) -> None:
    tested = model("both")
    assert column(logged(tmp_path / "2", tested, X, [None, Y]), "label") == Y.tolist()
    np.testing.assert_allclose(column(logged(tmp_path / "1", tested, X, [REAL, None]), "label"), REAL, rtol=1e-6)


@pytest.mark.parametrize(
    ("output_is", "form"),
    [("kind", "both"), (1, "both"), ("kind", "both by name"), (lambda outputs: outputs[1] * 1, "both")],
)
def test_the_user_says_which_it_is(tmp_path: Any, output_is: Any, form: str) -> None:
    tested = model(form)
    for number, labels in enumerate((Y, {"size": REAL, "kind": Y})):
        snapshot = logged(tmp_path / str(number), tested, X, labels, output=output_is)
        if not (number and callable(output_is)):
            assert column(snapshot, "label") == Y.tolist()
        assert column(snapshot, "prediction") == output(tested, "kind").argmax(1).tolist()
    with pytest.raises(
        ConfigurationError, match="output='logits' is none of them; the model returns '.*' .instances, 1."
    ):
        logged(tmp_path, tested, X, Y, output="logits")


def test_what_cannot_be_told_is_refused_in_words(tmp_path: Any) -> None:
    inputs = keras.Input((5,))
    twins = keras.Model(inputs, [layers.Dense(4, name="left")(inputs), layers.Dense(4, name="right")(inputs)])
    with pytest.warns(ActiVisWarning, match="Several outputs of the model fit labels"):
        snapshot = logged(tmp_path / "1", twins, X, Y)
    assert "prediction" not in snapshot.instances.column_names
    assert column(snapshot, "label") == Y.tolist()
    with pytest.warns(ActiVisWarning, match="'other', and none of the model's outputs .*'left'.* is called so"):
        snapshot = logged(tmp_path / "2", twins, X, {"other": Y})
    assert "prediction" not in snapshot.instances.column_names


@pytest.mark.parametrize("loss", [None, "categorical_crossentropy"])
def test_soft_labels(tmp_path: Any, loss: str | None) -> None:
    """A class with the cross entropy of the distribution, whether or not the loss says so."""
    tested = model("features first")
    kinds = keras.Model(tested.inputs, tested.get_layer("kind").output)
    kinds.compile("sgd", loss)
    soft = np.exp(RANDOM.normal(size=(33, 3)))
    soft = (soft / soft.sum(1, keepdims=True)).astype("float32")
    for number, network in enumerate((tested, kinds)):
        snapshot = logged(tmp_path / str(number), network, X, soft)
        scores = output(tested, "kind").astype(np.float64)
        expected = np.log(np.exp(scores).sum(1)) - (soft * scores).sum(1)
        assert snapshot.record.task == "classification"
        np.testing.assert_allclose(column(snapshot, "loss"), expected, rtol=1e-4, atol=1e-5)
        assert column(snapshot, "label") == soft.argmax(1).tolist()


def test_sigmoids_of_classes(tmp_path: Any) -> None:
    inputs = keras.Input((5,))
    tested = keras.Model(inputs, layers.Dense(3, activation="sigmoid")(inputs))
    snapshot = logged(tmp_path, tested, X, Y)
    scores = np.asarray(tested.predict(X, verbose=0))
    np.testing.assert_allclose(column(snapshot, "score"), scores.max(1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(column(snapshot, "loss"), -np.log(scores[np.arange(33), Y]), rtol=1e-4, atol=1e-5)
