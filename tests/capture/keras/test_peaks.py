"""Positions as plain sub-models with full maps show them, by instance id: exact peaks, values within half a step of 8 bits."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tensorboard_activis import open_run
from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.keras import ActiVisCallback
from tests.torch.test_peaks import averaged, check, close

RANDOM = np.random.default_rng(3)


def logged(log_dir: Path, model: keras.Model, x: Any, steps: int = 1, **options: Any) -> None:
    callback = ActiVisCallback(log_dir, x, batch_size=16, strict=True, **options)
    callback.set_model(model)
    for step in range(steps):
        callback.log(step)
    callback.close()


def plain(model: keras.Model, name: str, x: Any) -> np.ndarray:
    """The raw output of a layer, by a model of its own."""
    output = keras.Model(model.inputs[0], model.get_layer(name).output)(x, training=False)
    return np.asarray(keras.ops.convert_to_numpy(output))


def images() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((13, 17, 2)),
            layers.Conv2D(5, 3, padding="same", name="plane"),
            layers.ReLU(name="relu"),
            layers.GlobalAveragePooling2D(name="pooled"),
            layers.Dense(3, name="head"),
        ]
    )


def test_maps_are_those_of_plain_models(tmp_path: Path) -> None:
    model = images()
    x = RANDOM.normal(size=(90, 13, 17, 2)).astype("float32")
    x[3] = x[2]  # equal values of two instances
    pinned = RANDOM.normal(size=(3, 13, 17, 2)).astype("float32")
    kernel, bias = model.get_layer("plane").get_weights()
    kernel[..., 4] = 0  # equal values of all instances, as of a neuron that died
    model.get_layer("plane").set_weights([kernel, bias])
    logged(tmp_path, model, x, 2, layers=["plane", "relu", "head"], sample=40, pinned=pinned, reducer="max")
    for step in (0, 1):
        snapshot = open_run(tmp_path).snapshot(step)
        assert [snapshot.position_sizes(name) for name in ("plane", "relu", "head")] == [(13, 17), (13, 17), ()]
        for name in ("plane", "relu"):
            raw, extra = (np.moveaxis(plain(model, name, part), 3, 1) for part in (x, pinned))
            check(snapshot, name, dict(enumerate(raw)) | {-1 - at: each for at, each in enumerate(extra)})
            for at, each in enumerate(extra):
                shown = snapshot.map(name, snapshot.record.sample_size + at)
                for neuron, values in enumerate(each):
                    close(shown[..., neuron], averaged(values, shown.shape[:-1]))


class Batches(keras.utils.PyDataset):
    """Batches of a data set, whose ids are not known before it is read."""

    def __init__(self, x: np.ndarray) -> None:
        super().__init__()
        self.x = x

    def __len__(self) -> int:
        return -(-len(self.x) // 16)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(16 * index, 16 * index + 16)
        return self.x[rows], np.arange(len(self.x))[rows] % 3


@pytest.mark.parametrize("case", ["scored", "repeated", "all"])
def test_any_instance_may_leave_the_sample(tmp_path: Path, case: str) -> None:
    model, x = images(), RANDOM.normal(size=(130, 13, 17, 2)).astype("float32")
    x[:, 0, 0, 0] = np.arange(130)
    if case == "repeated":
        x[60:70] = x[:10]
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = ActiVisCallback(
        tmp_path,
        Batches(x),
        layers=["plane"],
        sample=None if case == "all" else 30,
        id=lambda batch: batch[0][:, 0, 0, 0].astype(int),
        logs=case == "scored",
        strict=True,
    )
    callback.set_model(model)
    for step in (0, 1):
        callback.log(step)
    callback.close()
    raw = np.moveaxis(plain(model, "plane", x), 3, 1)
    for step in (0, 1):
        check(open_run(tmp_path).snapshot(step), "plane", dict(enumerate(raw)))


@pytest.mark.parametrize("side", ["left", "right", "holes"])
def test_padding_does_not_count(tmp_path: Path, side: str) -> None:
    ids = keras.Input((70,), dtype="int32")
    mixed = layers.Dense(7, name="mix")(layers.Embedding(50, 6, mask_zero=True, name="embed")(ids))
    model = keras.Model(ids, layers.Dense(3, name="head")(layers.GlobalAveragePooling1D(name="pool")(mixed)))
    tokens = RANDOM.integers(1, 50, (40, 70))
    lengths, places = RANDOM.integers(1, 71, (40, 1)), np.arange(70)
    tokens[places < 70 - lengths if side == "left" else places >= lengths] = 0
    if side == "holes":
        tokens[:, 3] = tokens[0] = 0  # nothing real at all in the first
    logged(tmp_path, model, tokens, layers=["mix"], sample=30, reducer="max", pinned=tokens[5:7])
    outputs = plain(model, "mix", tokens)
    by_id = {at: output[row != 0].T for at, (output, row) in enumerate(zip(outputs, tokens, strict=True))}
    snapshot = open_run(tmp_path).latest
    assert snapshot.position_sizes("mix") == (-1,)
    check(snapshot, "mix", by_id | {-1: by_id[5], -2: by_id[6]})
    rows = zip(snapshot.instances["id"].to_pylist(), snapshot.instances["token_texts"].to_pylist(), strict=True)
    texts = {-1: 5, -2: 6}
    for key, words in rows:
        row = tokens[texts.get(key, key)]
        assert words == [str(token) for token in row[row != 0]]
    for at, key in enumerate((5, 6)):
        shown = snapshot.map("mix", snapshot.record.sample_size + at)
        for neuron, values in enumerate(by_id[key]):
            close(shown[: len(values), neuron], values)
            assert np.isnan(shown[len(values) :, neuron]).all()


def test_axes_of_all_kinds(tmp_path: Path) -> None:
    """One and three axes, channels last, and two, channels first; NaN at a place is no peak."""
    x = keras.Input((9, 6, 10, 4))
    volume = layers.Conv3D(3, 1, name="volume")(x)
    line = layers.Conv1D(4, 1, name="line")(layers.Reshape((90, 24))(x))
    first = layers.UpSampling2D(1, data_format="channels_first", name="first")(layers.Reshape((9, 60, 4))(x))
    parts = [layers.Flatten()(part) for part in (volume, line, first)]
    model = keras.Model(x, layers.Dense(3, name="head")(layers.Concatenate()(parts)))
    values = RANDOM.normal(size=(20, 9, 6, 10, 4)).astype("float32")
    values[4, 2, 1, 3] = np.nan
    words = [[f"{index}-{place}" for place in range(90)] for index in range(20)]
    logged(tmp_path, model, values, layers=["volume", "line", "first"], reducer="max", texts=words)
    snapshot = open_run(tmp_path).latest
    sizes = {"volume": (9, 6, 10), "line": (90,), "first": (60, 4)}
    assert {name: snapshot.position_sizes(name) for name in sizes} == sizes
    for name in sizes:
        raw = plain(model, name, values)
        raw = raw if name == "first" else np.moveaxis(raw, -1, 1)
        by_id = dict(enumerate(raw))
        check(snapshot, name, by_id)
    ids = snapshot.instances["id"].to_pylist()
    assert snapshot.instances["token_texts"].to_pylist() == [words[key] for key in ids]


def test_positions_may_be_off(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(20, 13, 17, 2)).astype("float32")
    logged(tmp_path, images(), x, layers=["plane"], positions=0)
    with pytest.raises(NotFoundError, match="positions=0"):
        open_run(tmp_path).latest.peaks("plane")


class MaskOfPlaces(layers.Layer):
    """Gives a mask with a boolean for each place of a map."""

    def compute_mask(self, x: Any, previous_mask: Any = None) -> Any:
        return keras.ops.any(keras.ops.not_equal(x, 0), axis=-1)

    def call(self, x: Any) -> Any:
        return x * 2


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask attached to it")
def test_layers_with_other_masks_say_that_they_have_no_positions(tmp_path: Path) -> None:
    given = keras.Input((4, 5, 3))
    masked = MaskOfPlaces(name="masked")(given)
    model = keras.Model(given, layers.Dense(2, name="head")(layers.GlobalAveragePooling2D()(masked)))
    x = RANDOM.normal(size=(20, 4, 5, 3)).astype("float32")
    x[:, 2:] = 0
    logged(tmp_path, model, x, 2, layers=["masked", "head"], task="none")
    snapshot = open_run(tmp_path).latest
    (note,) = snapshot.notes
    assert note.startswith("No positions are recorded of masked: their masks are not of one axis of positions")
    ids = np.asarray(snapshot.instances["id"])
    np.testing.assert_allclose(snapshot.activations("masked"), 2 * x[ids, :2].mean((1, 2)), atol=2e-3)
