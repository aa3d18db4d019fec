"""What the Keras callback says of instances: tasks, ids, columns, texts, sound, pinned instances; against numpy."""

import io
import wave

import keras
import numpy as np
import pytest
from keras import layers

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.keras import ActiVisCallback

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(30, 5)).astype("float32")
Y = RANDOM.integers(0, 3, size=30)
NAMES = ["ant", "bee", "cat"]


def table_model(units: int = 3, activation: str | None = None, loss: str | None = None) -> keras.Model:
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(4, activation="relu", name="hidden"),
            layers.Dense(units, activation=activation, name="out"),
        ]
    )
    model.compile("sgd", loss)
    return model


def logged(tmp_path, model: keras.Model, x, y=None, **options):
    callback = ActiVisCallback(tmp_path, x, y, strict=True, **{"batch_size": 8, **options})
    callback.set_model(model)
    callback.log(1)
    callback.close()
    return open_run(tmp_path).latest


def hidden(model: keras.Model, x) -> np.ndarray:
    return keras.Model(model.inputs, model.get_layer("hidden").output).predict(x, verbose=0)


def by_id(snapshot, name: str) -> dict:
    values = snapshot.column(name) if name in snapshot.record.columns else snapshot.instances[name].to_pylist()
    return dict(zip(snapshot.instances["id"].to_pylist(), list(values), strict=True))


def in_order(snapshot, name: str) -> list:
    found = by_id(snapshot, name)
    return [found[row] for row in range(30)]


def test_multilabel_by_its_loss_and_by_its_labels(tmp_path):
    truth = (X[:, :3] > 0).astype("float32")
    model = table_model(3, "sigmoid", "binary_crossentropy")
    snapshot = logged(tmp_path, model, X, truth, class_names=NAMES)
    assert snapshot.record.task == "multilabel"
    probabilities = model.predict(X, verbose=0).astype("float64")
    right = ((probabilities > 0.5) == (truth == 1)).all(axis=1)
    losses = -(truth * np.log(probabilities) + (1 - truth) * np.log(1 - probabilities)).mean(axis=1)
    assert by_id(snapshot, "correct") == dict(enumerate(right.astype(int)))
    np.testing.assert_allclose(in_order(snapshot, "loss"), losses, rtol=1e-4, atol=1e-5)
    summary = snapshot.summary("hidden")
    units = hidden(model, X)
    for number, name in enumerate(NAMES):
        row = list(summary.subsets).index(name)
        assert summary.count[row, 0] == truth[:, number].sum()
        np.testing.assert_allclose(summary.mean[row], units[truth[:, number] == 1].mean(axis=0), rtol=1e-5, atol=1e-5)


def test_tokens_are_counted_where_the_model_s_mask_is(tmp_path):
    tokens = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 1], [9, 0, 0, 0, 0], [2, 2, 8, 1, 0]])
    tags = RANDOM.integers(0, 3, size=(4, 5))
    keras.utils.set_random_seed(1)
    read = keras.Input((5,), dtype="int32")
    embedded = layers.Embedding(11, 6, mask_zero=True, name="embedded")(read)
    lstm = layers.LSTM(4, return_sequences=True, name="lstm")(embedded)
    model = keras.Model(read, layers.Dense(3, name="tags")(lstm))
    snapshot = logged(tmp_path, model, tokens, tags, class_names=NAMES, layers=["lstm"])
    assert snapshot.record.task == "tokens"
    answers = model.predict(tokens, verbose=0).argmax(axis=2)
    real = tokens > 0
    hits = ((answers == tags) & real).sum(axis=1)
    expected = dict(enumerate((hits / real.sum(axis=1)).astype("float32")))
    assert by_id(snapshot, "accuracy") == pytest.approx(expected)
    np.testing.assert_allclose(snapshot.record.metrics["accuracy"], hits.sum() / real.sum())
    # The same, with the labels that Keras's own losses take.
    for name, labels in (("one", np.eye(3)[tags]), ("column", tags[..., None])):
        again = logged(tmp_path / name, model, tokens, labels, class_names=NAMES, layers=["lstm"])
        assert again.record.metrics == pytest.approx(snapshot.record.metrics)


@pytest.mark.parametrize("labels", ["of tokens", "of texts"])
@pytest.mark.parametrize("told", [False, True])
def test_padding_and_words_that_do_not_fit_are_said(tmp_path, told, labels):
    lengths = [3, 7, 2, 6, 7]
    tokens = np.where(np.arange(7) < np.array(lengths)[:, None], RANDOM.integers(1, 40, size=(5, 7)), 0)
    read = keras.Input((7,), dtype="int32")
    embedded = layers.Embedding(40, 6, mask_zero=told, name="embedded")(read)
    lstm = layers.LSTM(4, return_sequences=labels == "of tokens", name="lstm")(embedded)
    model = keras.Model(read, layers.Dense(3, name="out")(lstm))
    given = RANDOM.integers(0, 3, size=(5, 7) if labels == "of tokens" else 5)
    words = [[f"w{token}" for token in row[:length]] for row, length in zip(tokens, lengths, strict=True)]
    snapshot = logged(tmp_path, model, tokens, given, layers=["embedded"], texts=words, batch_size=3)
    notes = [note for note in snapshot.notes if "padding" in note]
    if told:
        assert notes == []
        return
    padding, unfit = notes
    counted = ", which counts in accuracy" if labels == "of tokens" else "count in the activations of their texts. If"
    assert "10 of 35 positions (29%) lie in runs of token 0, up to 5 long, that end 3 of 5 texts" in padding
    assert counted in padding
    assert "mask_zero=True" in padding
    assert (
        "in 3 of 5 texts, whose tokens are shown by their ids instead: the first, text 0 of its batch has 3 words"
        in unfit
    )
    assert logged(tmp_path / "whole", model, tokens[[1, 4]], given[[1, 4]], layers=["embedded"]).notes == ()


@pytest.mark.parametrize("shift", [0, 1])
def test_texts_of_a_language_model_have_no_classes(tmp_path, shift):
    text = RANDOM.integers(0, 11, size=(4, 6))
    keras.utils.set_random_seed(1)
    read = keras.Input((None,), dtype="int32")
    lstm = layers.LSTM(4, return_sequences=True, name="lstm")(layers.Embedding(11, 6)(read))
    model = keras.Model(read, layers.Dense(11, name="head")(lstm))
    given, labels = (text, text) if shift else (text[:, :-1], text[:, 1:])
    snapshot = logged(tmp_path, model, given, labels, layers=["lstm"])
    assert snapshot.record.task == "tokens"
    assert snapshot.summary("lstm").subsets == ("all",)
    answers = model.predict(given, verbose=0)[:, :5].argmax(axis=2)
    np.testing.assert_allclose(snapshot.record.metrics["accuracy"], (answers == text[:, 1:]).mean())


def test_regression_of_several_numbers_ranking_and_none(tmp_path):
    model, target = table_model(3, loss="mse"), X[:, :3] * 2
    snapshot = logged(tmp_path / "regression", model, X, target)
    assert snapshot.record.task == "regression"
    np.testing.assert_allclose(
        snapshot.record.metrics["loss"], model.evaluate(X, target, verbose=0, batch_size=30), rtol=1e-5, atol=1e-5
    )
    single = table_model(1)
    relevance = np.arange(30) % 4
    snapshot = logged(
        tmp_path / "ranking", single, X, relevance, task="ranking", columns={"group": np.arange(30) // 4}, batch_size=12
    )
    scores = single.predict(X, verbose=0)[:, 0]
    expected = {row: 1 + (scores[row // 4 * 4 : row // 4 * 4 + 4] > scores[row]).sum() for row in range(30)}
    assert by_id(snapshot, "rank") == pytest.approx(expected)
    np.testing.assert_allclose(in_order(snapshot, "score"), scores, rtol=1e-5, atol=1e-5)
    snapshot = logged(tmp_path / "none", table_model(), X, Y, task="none", class_names=NAMES)
    assert snapshot.record.task == "none"
    assert "prediction" not in snapshot.record.columns
    assert [subset.name for subset in snapshot.record.subsets[:4]] == ["all", *NAMES]


def test_ids_and_columns_by_order_and_by_batch(tmp_path):
    model = table_model()
    names = [f"row {number}" for number in range(30)]
    columns = {"size": X.sum(axis=1), "kind": np.where(X[:, 0] > 0, "warm", "cold")}
    options = {"class_names": NAMES, "subsets": {"warm": 'kind == "warm" and size > 0'}}
    snapshot = logged(tmp_path / "order", model, X, Y, id=names, columns=columns, **options)
    assert sorted(by_id(snapshot, "size")) == sorted(names)
    assert by_id(snapshot, "kind") == dict(zip(names, columns["kind"], strict=True))
    chosen = (X[:, 0] > 0) & (X.sum(axis=1) > 0)
    summary = snapshot.summary("hidden")
    np.testing.assert_allclose(
        summary.mean[list(summary.subsets).index("warm")], hidden(model, X)[chosen].mean(axis=0), rtol=1e-5, atol=1e-5
    )

    def identify(batch) -> list[str]:
        return [f"{value:.4f}" for value in batch[0][:, 0]]

    def describe(batch) -> dict:
        return {"size": batch[0].sum(axis=1), "kind": np.where(batch[0][:, 0] > 0, "warm", "cold")}

    batches = [(X[:16], Y[:16]), (X[16:], Y[16:])]
    other = logged(tmp_path / "batch", model, batches_of(batches), id=identify, columns=describe, **options)
    assert set(by_id(other, "size")) == {f"{value:.4f}" for value in X[:, 0]}
    np.testing.assert_allclose(other.summary("hidden").mean, summary.mean, rtol=1e-5, atol=1e-5)


class batches_of(keras.utils.PyDataset):
    def __init__(self, batches) -> None:
        super().__init__()
        self.held = batches

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, number: int):
        return self.held[number]


def test_an_id_that_comes_again_is_left_out_and_said(tmp_path):
    model = table_model()
    twice = np.concatenate([X, X[:7]])
    snapshot = logged(tmp_path, model, twice, np.concatenate([Y, Y[:7]]), id=[*range(30), *range(7)])
    assert snapshot.record.seen == 30
    np.testing.assert_allclose(snapshot.summary("hidden").mean[0], hidden(model, X).mean(axis=0), rtol=1e-5, atol=1e-5)
    assert any("7" in note for note in snapshot.record.notes)


def test_texts_given_and_texts_that_are_inputs(tmp_path):
    texts = [f"number {row} of {'many' if row % 2 else 'few'}" for row in range(30)]
    asked = {"subsets": {"many": '"many" in text'}}
    model = table_model()
    for name, given in (("order", texts), ("batch", lambda batch: [f"{row[0]:.3f} many" for row in batch[0]])):
        snapshot = logged(tmp_path / name, model, X, Y, texts=given, **asked)
        many = snapshot.record.subsets[-1]
        assert (many.name, many.count) == ("many", 15 if name == "order" else 30)
    with pytest.raises(ConfigurationError, match="texts has 29 values, one for each instance .* x holds 30"):
        ActiVisCallback(tmp_path, X, Y, texts=texts[1:])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow's tensors hold texts")
def test_a_model_that_reads_texts_shows_them(tmp_path):
    texts = np.array([f"ant bee {'cat' if row % 3 else 'dog'}" for row in range(30)], object)
    vectorize = layers.TextVectorization(output_mode="count", name="vectorize")
    vectorize.adapt(texts)
    read = keras.Input((), dtype="string")
    model = keras.Model(read, layers.Dense(3, name="hidden")(vectorize(read)))
    snapshot = logged(tmp_path, model, texts, Y, subsets={"dogs": '"dog" in text'})
    assert by_id(snapshot, "text") == dict(enumerate(texts))
    np.testing.assert_allclose(
        snapshot.summary("hidden").mean[-1],
        model(keras.ops.convert_to_tensor(texts[::3])).numpy().mean(axis=0),
        rtol=1e-5,
        atol=1e-5,
    )


def test_named_inputs_of_one_number_are_columns(tmp_path):
    age, rest = keras.Input((1,), name="age"), keras.Input((4,), name="rest")
    out = layers.Dense(3, name="hidden")(layers.Concatenate()([age, rest]))
    x = {"age": X[:, :1], "rest": X[:, 1:]}
    snapshot = logged(tmp_path, keras.Model({"age": age, "rest": rest}, out), x, Y, subsets={"old": "age > 0.5"})
    assert snapshot.record.subsets[-1].count == (X[:, 0] > 0.5).sum()


def test_sound_is_heard(tmp_path):
    waves = np.sin(np.arange(30)[:, None] * np.linspace(0, 9, 800)).astype("float32")
    model = keras.Sequential([keras.Input((800,)), layers.Dense(3, name="hidden")])
    for name, audio in (("rate", 8000), ("function", lambda batch: (batch[0], 8000))):
        snapshot = logged(tmp_path / name, model, waves, Y, audio=audio)
        clip = by_id(snapshot, "audio")[4]
        with wave.open(io.BytesIO(clip)) as heard:
            assert heard.getframerate() == 8000
            found = np.frombuffer(heard.readframes(800), "<i2")
        np.testing.assert_allclose(found / 32767, waves[4], atol=1e-4)
    with pytest.raises(ConfigurationError, match="inputs are waveforms"):
        logged(tmp_path / "images", images_model(), RANDOM.normal(size=(4, 7, 6, 3)), Y[:4], audio=8000)


def images_model() -> keras.Model:
    return keras.Sequential([keras.Input((7, 6, 3)), layers.Flatten(), layers.Dense(3)])


@pytest.mark.parametrize("form", ["x", "pair", "batches"])
def test_pinned_are_kept_beside_the_sample_and_in_no_summary(tmp_path, form):
    model = table_model()
    extra, truth = X[:3] + 5, np.array([2, 0, 1])
    pinned = {
        "x": extra,
        "pair": (extra, truth),
        "batches": batches_of([(extra[:2], truth[:2]), (extra[2:], truth[2:])]),
    }
    snapshot = logged(tmp_path, model, X, Y, class_names=NAMES, sample=10, pinned=pinned[form])
    assert (snapshot.record.sample_size, snapshot.record.pinned, snapshot.record.seen) == (10, 3, 30)
    np.testing.assert_allclose(snapshot.summary("hidden").mean[0], hidden(model, X).mean(axis=0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(snapshot.activations("hidden")[10:], hidden(model, extra), rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(snapshot.column("prediction")[10:], model.predict(extra, verbose=0).argmax(axis=1))
    labels = snapshot.instances["label"].to_pylist()[10:]
    assert labels == ([None] * 3 if form == "x" else [NAMES[number] for number in truth])
    assert snapshot.instances["id"].to_pylist()[10:] == [-1, -2, -3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "guess"}, "task must be one of classification, multilabel"),
        ({"id": [1, 2]}, "id has 2 values, but data holds 30 instances"),
        ({"columns": {"loss": X[:, 0]}}, "'loss', which is a column of ActiVis's own"),
        ({"columns": {"a": X[:, 0], "b": X[:4, 0]}}, "each must have one per instance"),
        ({"pinned": X[:0]}, "pinned: x holds no instances"),
        ({"texts": "one"}, "texts must be one text per instance"),
        ({"audio": "loud"}, "audio must be the number of values per second"),
    ],
)
def test_wrong_words_are_refused_in_the_constructor(tmp_path, options, message):
    with pytest.raises(ConfigurationError, match=message):
        ActiVisCallback(tmp_path, X, Y, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pinned": X[:, :4]}, r"The model cannot be run on pinned, whose first batch is float32 \(8, 4\)"),
        ({"task": "tokens"}, "task='tokens' needs scores for every position"),
    ],
)
def test_wrong_words_that_only_the_model_tells_are_refused_before_training(tmp_path, options, message):
    callback = ActiVisCallback(tmp_path, X, Y, batch_size=8, **options)
    callback.set_model(table_model())
    with pytest.raises(ConfigurationError, match=message):
        callback.on_train_begin()
    callback.close()


def test_loaders_of_torch_leave_the_random_numbers_alone(tmp_path):
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model = table_model()
    torch.manual_seed(5)
    snapshot = logged(tmp_path, model, loader, class_names=NAMES)
    assert torch.equal(torch.rand(3), expected)
    np.testing.assert_allclose(snapshot.summary("hidden").mean[0], hidden(model, X).mean(axis=0), rtol=1e-5, atol=1e-5)
    with pytest.raises(ConfigurationError, match="the data come shuffled"):
        ActiVisCallback(tmp_path, loader, id=list(range(30)))
    with pytest.raises(ConfigurationError, match="pinned instances come shuffled"):
        ActiVisCallback(tmp_path, X, Y, pinned=loader)


def test_columns_that_stop_lose_the_snapshot_and_say_so(tmp_path):
    def describe(batch) -> dict:
        return {"size": batch[0][:, 0]} if len(batch[0]) == 8 else {}

    callback = ActiVisCallback(tmp_path, X, Y, columns=describe, batch_size=8)
    callback.set_model(table_model())
    with pytest.warns(ActiVisWarning, match="lost the snapshot of step 1.*A batch has the columns none"):
        callback.log(1)
    callback.close()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            {"columns": lambda batch: {"wide": batch["missing"]}},
            "failed on the first batch: .*A function gets the batch",
        ),
        ({"id": lambda batch: [1.5] * 8}, "Ids must be all texts or all whole numbers"),
        ({"texts": lambda batch: ["one"]}, "There are 1 texts for a batch of 8 instances"),
        ({"columns": lambda batch: {"n": [1, 2]}}, "The column 'n' needs 8 values"),
    ],
)
def test_what_users_functions_give_is_checked_before_training(tmp_path, option, message):
    model = table_model(3, None, "mse")
    callback = ActiVisCallback(tmp_path, X, Y, batch_size=8, **option)
    before = model.get_weights()
    with pytest.raises(ConfigurationError, match=message):
        model.fit(X, np.zeros((30, 3)), callbacks=[callback], verbose=0)
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))
    callback.close()


def test_labels_that_cannot_be_used_are_told(tmp_path):
    labels = RANDOM.integers(2, 5, size=(30, 6))
    with pytest.warns(
        ActiVisWarning, match=r"labels of shape \(30, 6\) are not one per instance, so snapshots say nothing"
    ):
        snapshot = logged(tmp_path, table_model(3), X, labels)
    assert snapshot.record.task == "none"
    assert snapshot.record.metrics == {}
