"""The Keras callback from `model.fit` to `open_run`, against Keras's own predict and numpy."""

import keras
import numpy as np
import pytest
from keras import layers

from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.keras import ActiVisCallback
from tests.small_keras import NAMES, X, Y, fitted, network


def test_snapshots_of_fit_agree_with_predict(tmp_path):
    callback = ActiVisCallback(
        tmp_path,
        X,
        Y[:, None],
        class_names=NAMES,
        sample=30,
        batch_size=32,
        subsets={"unsure": "score < 0.5"},
        every=2,
        strict=True,
    )
    model = fitted([callback], epochs=4)
    run = open_run(tmp_path)
    assert run.steps == [10, 20]  # 5 batches make an epoch
    snapshot = run.latest
    assert set(snapshot.layers) == {"relu", "logits"}
    assert snapshot.record.task == "classification"
    assert snapshot.record.seen == 70
    assert snapshot.record.sample_size == 30
    assert run.graph.origin == "functional"
    assert set(snapshot.layers) <= {node.key for node in run.graph.nodes}
    assert snapshot.record.layers[0].info.reducer == "mean"

    relu = (
        keras.Model(model.inputs, model.get_layer("relu").output)
        .predict(X, verbose=0)
        .astype("float64")
        .mean(axis=(1, 2))
    )
    logits = model.predict(X, verbose=0).astype("float64")
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predicted = logits.argmax(axis=1)
    members = {
        "all": np.ones(70, bool),
        **{name: number == Y for number, name in enumerate(NAMES)},
        "correct": predicted == Y,
        "wrong": predicted != Y,
        "unsure": scores.max(axis=1) < 0.5,
    }
    summary = snapshot.summary("relu")
    assert list(summary.subsets) == list(members)
    for row, chosen in enumerate(members.values()):
        assert summary.count[row, 0] == chosen.sum()
        np.testing.assert_allclose(summary.mean[row], relu[chosen].mean(axis=0), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(summary.std[row], relu[chosen].std(axis=0), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(summary.max[row], relu[chosen].max(axis=0), rtol=1e-5, atol=1e-5)

    rows = np.asarray(snapshot.instances["id"])
    np.testing.assert_array_equal(snapshot.column("prediction"), predicted[rows])
    np.testing.assert_allclose(snapshot.column("score"), scores.max(axis=1)[rows], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(snapshot.record.metrics["accuracy"], (predicted == Y).mean())
    np.testing.assert_allclose(snapshot.activations("logits"), model.predict(X, verbose=0)[rows], rtol=1e-3, atol=1e-5)


def test_one_trace_for_all_snapshots(tmp_path):
    callback = ActiVisCallback(tmp_path, X, Y, batch_size=32)
    fitted([callback])
    assert callback._capture is not None
    assert callback._capture.forward.traces == 1 or keras.backend.backend() == "torch"


def test_log_without_fit_and_two_directories(tmp_path):
    model = network()
    for name in ("one", "two"):
        callback = ActiVisCallback(tmp_path / name, X, Y, layers=["conv", "nor*"], reducer="max", sample=None)
        callback.set_model(model)
        callback.log(7)
        callback.log(9)
        callback.close()
        callback.close()
    snapshot = open_run(tmp_path / "two").latest
    assert snapshot.record.step == 9
    assert list(snapshot.layers) == ["conv", "norm"]
    maps = keras.Model(model.inputs, model.get_layer("conv").output).predict(X, verbose=0)
    rows = np.asarray(snapshot.instances["id"])
    np.testing.assert_allclose(snapshot.activations("conv"), maps.max(axis=(1, 2))[rows], rtol=1e-3, atol=1e-5)


def test_several_inputs_and_outputs_from_a_data_set(tmp_path):
    image, table = keras.Input((7, 5, 3), name="image"), keras.Input((2,), name="table")
    joined = layers.Concatenate(name="joined")([layers.Flatten()(image), layers.Dense(4, name="wide")(table)])
    model = keras.Model(
        {"image": image, "table": table},
        {
            "size": layers.Dense(1, name="size")(joined),
            "kind": layers.Dense(3, activation="softmax", name="kind")(joined),
        },
    )
    model.compile("sgd", {"size": "mse", "kind": "categorical_crossentropy"})

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 7

        def __getitem__(self, number: int):
            rows = slice(number * 10, number * 10 + 10)
            return {"image": X[rows], "table": X[rows, 0, 0, :2]}, {"kind": np.eye(3)[Y[rows]]}

    callback = ActiVisCallback(tmp_path, Batches(), class_names=NAMES, layers=["joined", "wide"], strict=True)
    callback.set_model(model)
    callback.log(1)
    callback.close()
    snapshot = open_run(tmp_path).latest
    kinds = model.predict({"image": X, "table": X[:, 0, 0, :2]}, verbose=0)["kind"]
    np.testing.assert_allclose(snapshot.record.metrics["accuracy"], (kinds.argmax(axis=1) == Y).mean())
    assert snapshot.record.seen == 70
    assert [subset.count for subset in snapshot.record.subsets[1:4]] == np.bincount(Y).tolist()
    assert "image" in snapshot.instances.column_names


def test_regression_and_no_labels(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(5, activation="relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    features, target = X[:, 0, 0], X.mean(axis=(1, 2, 3))
    for name, y in (("regression", target), ("none", None)):
        callback = ActiVisCallback(tmp_path / name, features, y, strict=True)
        callback.set_model(model)
        callback.log(0)
        callback.close()
        assert open_run(tmp_path / name).latest.record.task == name
    loss = open_run(tmp_path / "regression").latest.record.metrics["loss"]
    np.testing.assert_allclose(loss, model.evaluate(features, target, verbose=0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": X[:0]}, "x holds no instances"),
        ({"y": Y[:5]}, "same number of instances; got x 70, y 5"),
        ({"class_names": ["ant", "bee"]}, "There is a label 2, but class_names has 2 names, for the labels 0 to 1"),
        ({"subsets": {"odd": "score <"}}, "'odd'"),
        ({"every": 0}, "every must be a positive number of epochs; got 0"),
        ({"layers": "conv"}, r"write \['conv'\]"),
        ({"reducer": "median"}, "reducer must be one of"),
        ({"sample": 0}, "sample must be a positive number"),
    ],
)
def test_wrong_arguments_are_refused_in_the_constructor(tmp_path, options, message):
    with pytest.raises(ConfigurationError, match=message):
        ActiVisCallback(**{"log_dir": tmp_path, "x": X, "y": Y, **options})
    ActiVisCallback(tmp_path, X, Y).close()  # what was refused holds no directory


def test_wrong_directories_are_refused_in_the_constructor(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="is a file"):
        ActiVisCallback(tmp_path / "file", X, Y)
    callback = ActiVisCallback(tmp_path, X, Y)
    with pytest.raises(ConfigurationError, match="Another logger"):
        ActiVisCallback(tmp_path, X, Y)
    callback.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ["relus"]}, "'relus' matches none of the model's .* Near: relu"),
        ({"class_names": [*NAMES, "dog"]}, "4 names, but the model gives 3 scores per instance"),
        (
            {"x": X[:, :, :, :2]},
            r"whose first batch is float32 \(70, 7, 5, 2\): .*expected axis -1 .* to have value 3",
        ),
        ({"x": (X, Y), "y": None}, r"x holds 2 inputs, .*, and the model has 1\. Labels are an argument of their own"),
        ({"y": Y + 1}, "There is a label 3, but the model tells 3 classes apart"),
    ],
)
def test_what_only_the_model_tells_is_refused_before_the_first_batch(tmp_path, options, message):
    class Counter(keras.callbacks.Callback):
        batches = 0

        def on_train_batch_begin(self, batch, logs=None):
            self.batches += 1

    counter = Counter()
    callback = ActiVisCallback(**{"log_dir": tmp_path, "x": X, "y": Y, **options})
    with pytest.raises(ConfigurationError, match=message):
        fitted([counter, callback])
    assert counter.batches == 0
    callback.close()


def test_no_model_is_said(tmp_path):
    callback = ActiVisCallback(tmp_path, X, Y)
    with pytest.raises(ConfigurationError, match=r"call set_model\(model\) first"):
        callback.log(0)
    callback.close()


def test_second_fit_goes_on(tmp_path):
    callback = ActiVisCallback(tmp_path, X, Y, strict=True)
    model = fitted([callback], epochs=1)
    model.fit(X, Y, batch_size=16, epochs=2, initial_epoch=1, verbose=0, callbacks=[callback])
    assert open_run(tmp_path).steps == [5, 10]
