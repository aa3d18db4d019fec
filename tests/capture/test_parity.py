"""The same network with the same weights in all frameworks gives the same snapshot."""

from typing import Any

import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import nnx
from torch import nn

from tensorboard_activis import flax as activis_flax
from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.keras import ActiVisCallback
from tensorboard_activis.torch import ActiVisLogger

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(60, 11, 9, 3)).astype("float32")
LABELS = RANDOM.integers(0, 4, size=60)
NAMES = ["ant", "bee", "cat", "dog"]


class Torch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 5, (3, 2))
        self.norm = nn.BatchNorm2d(5, eps=1e-3)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(5, 7, 3, stride=2)
        self.relu2 = nn.ReLU()
        self.logits = nn.Linear(7, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu1(self.norm(self.conv1(x)))
        return self.logits(self.relu2(self.conv2(x)).mean((2, 3)))


def keras_model() -> keras.Model:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((11, 9, 3)),
            layers.Conv2D(5, (3, 2), name="conv1"),
            layers.BatchNormalization(epsilon=1e-3, name="norm"),
            layers.ReLU(name="relu1"),
            layers.Conv2D(7, 3, strides=2, name="conv2"),
            layers.ReLU(name="relu2"),
            layers.GlobalAveragePooling2D(name="pooled"),
            layers.Dense(4, name="logits"),
        ]
    )
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def copied(model: keras.Model) -> Torch:
    """The torch network with the Keras network's weights."""
    network = Torch()
    for name in ("conv1", "conv2", "logits"):
        kernel, bias = model.get_layer(name).get_weights()
        axes = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
        layer = getattr(network, name)
        layer.weight.data = torch.from_numpy(kernel.transpose(axes).copy())
        layer.bias.data = torch.from_numpy(bias)
    scale, shift, mean, variance = map(torch.from_numpy, model.get_layer("norm").get_weights())
    network.norm.weight.data, network.norm.bias.data = scale, shift
    network.norm.running_mean, network.norm.running_var = mean, variance
    return network


class ReLU(nnx.Module):
    def __call__(self, x: Any) -> Any:
        return nnx.relu(x)


class Flax(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.conv1 = nnx.Conv(3, 5, (3, 2), padding="VALID", rngs=rngs)
        self.norm = nnx.BatchNorm(5, epsilon=1e-3, rngs=rngs)
        self.relu1 = ReLU()
        self.conv2 = nnx.Conv(5, 7, (3, 3), strides=2, padding="VALID", rngs=rngs)
        self.relu2 = ReLU()
        self.logits = nnx.Linear(7, 4, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        x = self.relu1(self.norm(self.conv1(x)))
        return self.logits(self.relu2(self.conv2(x)).mean((1, 2)))


def copied_to_flax(model: keras.Model) -> Any:
    """The Flax network with the Keras network's weights."""
    network: Any = Flax()
    for name in ("conv1", "conv2", "logits"):
        kernel, bias = model.get_layer(name).get_weights()
        layer = getattr(network, name)
        layer.kernel[...], layer.bias[...] = jnp.asarray(kernel), jnp.asarray(bias)
    scale, shift, mean, variance = model.get_layer("norm").get_weights()
    network.norm.scale[...], network.norm.bias[...] = jnp.asarray(scale), jnp.asarray(shift)
    network.norm.mean[...], network.norm.var[...] = jnp.asarray(mean), jnp.asarray(variance)
    return network


@pytest.fixture(scope="module", params=["keras", "flax"])
def snapshots(request, tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    model = keras_model()
    for weights in model.weights:
        weights.assign(weights + RANDOM.uniform(0.05, 0.2, size=weights.shape))
    options: dict[str, Any] = {"class_names": NAMES, "subsets": {"unsure": "score < 0.5"}, "sample": 40}
    if request.param == "keras":
        callback = ActiVisCallback(logs / "keras", IMAGES, LABELS, batch_size=25, strict=True, **options)
        callback.set_model(model)
        callback.log(3)
        callback.close()
    else:
        batches = [(IMAGES[rows], LABELS[rows]) for rows in (slice(25), slice(25, 50), slice(50, 60))]
        with activis_flax.ActiVisLogger(
            logs / "flax", copied_to_flax(model), batches, strict=True, **options
        ) as logger:
            logger.log(3)
    whole = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy()), torch.from_numpy(LABELS)
    with ActiVisLogger(logs / "torch", copied(model), whole, strict=True, **options) as logger:
        logger.log(3)
    return open_run(logs / request.param).latest, open_run(logs / "torch").latest


def test_same_layers_are_chosen(snapshots):
    ours, theirs = snapshots
    assert list(ours.layers) == list(theirs.layers) == ["relu1", "relu2", "logits"]
    for name in ours.layers:
        one, other = ours.layers[name].info, theirs.layers[name].info
        assert (one.neurons, one.reducer, one.feeds_relu) == (other.neurons, other.reducer, other.feeds_relu)


def test_summaries_are_equal(snapshots):
    ours, theirs = snapshots
    for name in ours.layers:
        one, other = ours.summary(name), theirs.summary(name)
        assert list(one.subsets) == list(other.subsets) == ["all", *NAMES, "correct", "wrong", "unsure"]
        np.testing.assert_array_equal(one.count, other.count)
        for field in ("mean", "std", "min", "max"):
            values = getattr(one, field), getattr(other, field)
            np.testing.assert_allclose(*values, rtol=1e-4, atol=1e-5, err_msg=f"{name} {field}")


def test_records_are_equal(snapshots):
    ours, theirs = snapshots
    for field in ("task", "seen", "sample_size", "class_names", "step"):
        assert getattr(ours.record, field) == getattr(theirs.record, field)
    assert ours.record.metrics == pytest.approx(theirs.record.metrics, rel=1e-4, abs=1e-5)
    assert sorted(ours.record.columns) == sorted(theirs.record.columns)


def test_same_instances_are_kept(snapshots):
    ours, theirs = snapshots
    np.testing.assert_array_equal(np.asarray(ours.instances["id"]), np.asarray(theirs.instances["id"]))
    assert ours.instances["label"].to_pylist() == theirs.instances["label"].to_pylist()
    np.testing.assert_array_equal(ours.column("prediction"), theirs.column("prediction"))
    for name in ours.layers:
        one, other = ours.activations(name).astype(float), theirs.activations(name).astype(float)
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-3)


def spread(values: Any, mask: Any) -> Any:
    """A reducer of the user's own, for either."""
    if isinstance(values, torch.Tensor):
        return values.amax(2) - values.amin(2)
    xp = keras.ops if keras.ops.is_tensor(values) and not isinstance(values, jnp.ndarray) else jnp
    return xp.max(values, axis=2) - xp.min(values, axis=2)


OVERLAPPING = [
    ({"relu*": "max", "*": "mean"}, ["mean", "max", "max"]),
    ({"*": "std", "relu*": "max"}, ["std", "std", "std"]),
    ({"*": "mean", "relu1": "first"}, ["mean", "first", "mean"]),
    ({"*1": "last", "relu*": "max", "conv1": "std"}, ["std", "last", "max"]),
    ({"relu[12]": "std", "relu?": "max", "*": "first"}, ["first", "std", "std"]),
    ({"conv1": "last", "relu*": "max"}, ["last", "max", "max"]),
    ({"relu2": "std"}, ["mean", "mean", "std"]),
    *((name, [name] * 3) for name in ("max", "std", "first", "last")),
    (spread, ["spread"] * 3),
]


@pytest.mark.parametrize(("reducer", "names"), OVERLAPPING)
def test_reducers_mean_the_same(tmp_path, reducer, names):
    """An exact name wins, then the first pattern that matches, else the mean."""
    model = keras_model()
    for weights in model.weights:
        weights.assign(weights + RANDOM.uniform(0.05, 0.2, size=weights.shape))
    options: dict[str, Any] = {
        "layers": ["conv1", "relu1", "relu2"],
        "reducer": reducer,
        "sample": None,
        "strict": True,
    }
    callback = ActiVisCallback(tmp_path / "keras", IMAGES, LABELS, **options)
    callback.set_model(model)
    callback.log(1)
    callback.close()
    whole = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy()), torch.from_numpy(LABELS)
    with ActiVisLogger(tmp_path / "torch", copied(model), whole, **options) as logger:
        logger.log(1)
    with activis_flax.ActiVisLogger(tmp_path / "flax", copied_to_flax(model), (IMAGES, LABELS), **options) as other:
        other.log(1)
    ours, theirs, third = (open_run(tmp_path / name).latest for name in ("keras", "torch", "flax"))
    maps = keras.Model(model.inputs, [model.get_layer(name).output for name in options["layers"]]).predict(
        IMAGES, verbose=0
    )
    rows = np.asarray(ours.instances["id"])
    assert [ours.layers[name].info.reducer for name in options["layers"]] == names
    for name, whole_map in zip(options["layers"], maps, strict=True):
        one, *others = (snapshot.layers[name].info.reducer for snapshot in (ours, theirs, third))
        assert others == [one, one]
        flat = whole_map[rows].reshape(60, -1, whole_map.shape[-1])
        by_hand = {
            "mean": flat.mean(1),
            "max": flat.max(1),
            "std": flat.std(1),
            "first": flat[:, 0],
            "last": flat[:, -1],
            "spread": np.ptp(flat, axis=1),
        }[one]
        for found in (ours, theirs, third):
            np.testing.assert_allclose(found.activations(name).astype(float), by_hand, rtol=2e-3, atol=1e-3)


def test_reducers_of_no_layer_are_refused_by_all(tmp_path):
    callback = ActiVisCallback(tmp_path / "keras", IMAGES, LABELS, reducer={"relus*": "max"})
    callback.set_model(keras_model())
    with pytest.raises(ConfigurationError, match="'relus\\*' matches none of the recorded layers, which are relu1"):
        callback.on_train_begin()
    callback.close()
    whole = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy()), torch.from_numpy(LABELS)
    with pytest.raises(ConfigurationError, match="'relus\\*' matches none of"):
        ActiVisLogger(tmp_path / "torch", Torch(), whole, reducer={"relus*": "max"})
    with pytest.raises(ConfigurationError, match="'relus\\*' matches none of"):
        activis_flax.ActiVisLogger(tmp_path / "flax", Flax(), (IMAGES, LABELS), reducer={"relus*": "max"})
