"""How much of its data a Keras callback reads: all, or the part that `steps` or the user's own validation bounds."""

import itertools
from typing import Any

import keras
import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.keras import ActiVisCallback

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.data")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(64, 6)).astype("float32")
Y = (X.sum(1) > 0).astype("int64")
BATCH = 8


def model() -> keras.Model:
    keras.utils.set_random_seed(2)
    network = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(5, activation="relu", name="h"), keras.layers.Dense(2, name="out")]
    )
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return network


class Seen(keras.callbacks.Callback):
    """The batches of the user's own validation, as a layer of the model would get them."""

    def __init__(self):
        super().__init__()
        self.batches = 0

    def on_test_batch_end(self, batch, logs=None):
        self.batches = batch + 1


class Endless(keras.utils.PyDataset):
    @property
    def num_batches(self):
        return None

    def __getitem__(self, number):
        return cut(number % 8)


class Eight(keras.utils.PyDataset):
    def __len__(self):
        return 8

    def __getitem__(self, number):
        return cut(number)


def cut(number):
    rows = slice(BATCH * number, BATCH * (number + 1))
    return X[rows], Y[rows]


def generated():
    for number in itertools.cycle(range(8)):
        yield cut(number)


def sliced():
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH)


def from_generator():
    signature = (tf.TensorSpec((None, 6), tf.float32), tf.TensorSpec((None,), tf.int64))
    return tf.data.Dataset.from_generator(generated, output_signature=signature)


ENDLESS = {
    "repeat": lambda: sliced().repeat(),
    "repeat, then a filter": lambda: sliced().repeat().filter(lambda x, y: True),
    "a filter, then repeat": lambda: sliced().filter(lambda x, y: True).repeat(),
    "shuffled, then repeat": lambda: sliced().unbatch().shuffle(64, seed=1).batch(BATCH).repeat(),
    "repeat and prefetch": lambda: sliced().repeat().map(lambda x, y: (x, y)).prefetch(2),
    "PyDataset": Endless,
    "generator": generated,
}
OPEN = ENDLESS | {"from_generator": from_generator}


@pytest.mark.parametrize("make", ENDLESS.values(), ids=ENDLESS)
def test_without_a_bound_it_is_refused_before_training(tmp_path, make):
    network = model()
    before = network.get_weights()
    callback = ActiVisCallback(tmp_path, make())
    with pytest.raises(
        ConfigurationError, match=r"endless|only once.*Say how many batches.*steps=10.*validation_steps"
    ):
        network.fit(X, Y, verbose=0, callbacks=[callback])
    assert all(np.array_equal(one, other) for one, other in zip(before, network.get_weights(), strict=True))
    with pytest.raises(ConfigurationError, match="steps=10"):
        callback.log(1)
    callback.close()


def are_rows_of(some: np.ndarray, others: np.ndarray) -> bool:
    """Whether each row of one is a row of the other, as far as float16 tells them apart."""
    off = np.abs(some[:, None].astype("float64") - others).max(2)
    return max(off.min(0).max(), off.min(1).max()) < 1e-3


@pytest.mark.parametrize("steps", [11, *(pytest.param(steps, marks=pytest.mark.nightly) for steps in (3, 8))])
@pytest.mark.parametrize("make", OPEN.values(), ids=OPEN)
def test_steps_bound_every_pass_to_the_same_instances(tmp_path, make, steps):
    network = model()
    callback = ActiVisCallback(tmp_path, make(), steps=steps, layers=["out"], sample=None, strict=True)
    network.fit(X, Y, epochs=3, verbose=0, callbacks=[callback])
    run = open_run(tmp_path)
    assert [run.snapshot(step).record.seen for step in run.steps] == [steps * BATCH] * 3
    ids = [set(map(str, run.snapshot(step).instances["id"].to_pylist())) for step in run.steps]
    assert ids[0] == ids[1] == ids[2]
    assert are_rows_of(run.latest.activations("out"), network.predict(X[: steps * BATCH], verbose=0))


@pytest.mark.parametrize("make", OPEN.values(), ids=OPEN)
def test_validation_steps_are_taken_over(tmp_path, make):
    network, seen = model(), Seen()
    callback = ActiVisCallback(tmp_path, make(), layers=["out"], sample=None, strict=True)
    validation = sliced().repeat()
    fitted = network.fit(
        X, Y, epochs=2, verbose=0, validation_data=validation, validation_steps=5, callbacks=[callback, seen]
    )
    latest = open_run(tmp_path).latest
    assert latest.record.seen == seen.batches * BATCH == 40
    assert are_rows_of(latest.activations("out"), network.predict(X[:40], verbose=0))
    assert latest.record.metrics["accuracy"] == pytest.approx(fitted.history["val_accuracy"][-1])


@pytest.mark.parametrize("make", [sliced, Eight])
def test_the_validation_data_are_seen_as_the_validation_sees_them(tmp_path, make):
    data = make()
    network = model()
    callback = ActiVisCallback(tmp_path / "same", data, sample=None, strict=True)
    other = ActiVisCallback(tmp_path / "other", make(), sample=None, strict=True)
    fitted = network.fit(X, Y, verbose=0, validation_data=data, validation_steps=3, callbacks=[callback, other])
    latest = open_run(tmp_path / "same").latest
    assert latest.record.seen == 24
    assert latest.record.metrics["accuracy"] == pytest.approx(fitted.history["val_accuracy"][-1])
    assert open_run(tmp_path / "other").latest.record.seen == 64  # data of its own, with an end


def test_a_data_set_of_unknown_length_is_read_to_its_end(tmp_path):
    callback = ActiVisCallback(tmp_path, sliced().filter(lambda x, y: True), strict=True)
    model().fit(X, Y, verbose=0, callbacks=[callback])
    assert open_run(tmp_path).latest.record.seen == 64
    ended = sliced().repeat().take_while(lambda x, y: tf.reduce_any(tf.not_equal(x[0], X[56])))
    callback = ActiVisCallback(tmp_path, ended, strict=True)
    model().fit(X, Y, verbose=0, callbacks=[callback])
    assert open_run(tmp_path).latest.record.seen == 56


def test_columns_may_go_on_behind_the_part_that_is_read(tmp_path):
    options: dict[str, Any] = {"columns": {"place": np.arange(64)}, "sample": None, "strict": True}
    for name, data in (("arrays", (X, Y)), ("data set", (sliced(), None))):
        callback = ActiVisCallback(tmp_path / name, *data, steps=2, batch_size=BATCH, **options)
        model().fit(X, Y, verbose=0, callbacks=[callback])
        latest = open_run(tmp_path / name).latest
        assert sorted(latest.instances["place"].to_pylist()) == list(range(16))


def test_a_generator_that_fit_reads_too_is_refused(tmp_path):
    shared = generated()
    callback = ActiVisCallback(tmp_path, shared, steps=2)
    with pytest.raises(ConfigurationError, match="the same generator that fit reads.*one of its own"):
        model().fit(X, Y, verbose=0, validation_data=shared, validation_steps=2, callbacks=[callback])
    callback.close()


@pytest.mark.parametrize("make", [lambda: sliced().repeat(), generated, Endless])
def test_pinned_without_an_end_are_refused(tmp_path, make):
    with pytest.raises(ConfigurationError, match=r"an endless data set, or can be read only once.*take\(10\)"):
        ActiVisCallback(tmp_path, X, Y, pinned=make())


class Drawing(keras.utils.PyDataset):
    """Augments with generators of its own, from which training draws too."""

    def __init__(self):
        super().__init__()
        self.random, self.old = np.random.default_rng(3), np.random.RandomState(4)

    def __len__(self):
        return 8

    def __getitem__(self, number):
        x, y = cut(number)
        return (x + self.random.normal(size=x.shape) + self.old.normal(size=x.shape)).astype("float32"), y


def flow():
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    images = np.repeat(X, 8, axis=1).reshape(64, 4, 4, 3)
    augmented = ImageDataGenerator(horizontal_flip=True, rotation_range=30, zoom_range=0.3)
    return augmented.flow(images, Y, batch_size=BATCH, seed=5)


@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")  # of scipy, in Keras
@pytest.mark.parametrize("make", [Drawing, flow])
def test_reading_the_training_data_draws_nothing_from_them(tmp_path, make):
    pytest.importorskip("scipy")
    trained = []
    for name in ("with", "without"):
        keras.utils.set_random_seed(2)
        data = make()
        shape = data[0][0].shape[1:]
        network = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(2)])
        network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        callbacks = [ActiVisCallback(tmp_path, data, strict=True)] if name == "with" else []
        network.fit(data, epochs=3, verbose=0, callbacks=callbacks, shuffle=False)
        trained.append(network.get_weights())
    assert all(np.array_equal(one, other) for one, other in zip(*trained, strict=True))
    assert open_run(tmp_path).latest.record.seen == 64
