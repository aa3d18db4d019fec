"""Effects of Keras models are those of a plain gradient tape, instance by instance; training stays as it is."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError, NotFoundError
from tensorboard_activis.keras import ActiVisCallback
from tensorboard_activis.query.snapshot import Snapshot

CLASSES = 4
ROOT = Path(__file__).parent.parent
CLOSE: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-5}


@pytest.fixture(autouse=True)
def seeded() -> None:
    keras.utils.set_random_seed(1)


def images(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.normal(size=(count, 6, 6, 1)).astype(np.float32), generator.integers(0, CLASSES, count)


def tokens(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(2)
    ids = generator.integers(1, 20, (count, 9))
    ids[np.arange(9) >= generator.integers(2, 10, (count, 1))] = 0
    return ids, generator.integers(0, CLASSES, count)


def network() -> Any:
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(5, 3, name="conv"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.ReLU(name="act"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(7, activation="tanh", name="hidden"),
            keras.layers.Dropout(0.5, name="drop"),
            keras.layers.Dense(CLASSES, name="head"),
        ]
    )


def logged(log_dir: Path, model: Any, x: Any, y: Any, **options: Any) -> Snapshot:
    chosen: dict[str, Any] = {"effects": "gradients", "effects_share": 1.0, "strict": True}
    callback = ActiVisCallback(log_dir, x, y, **chosen | options)
    callback.set_model(model)
    callback.log(1)
    callback.close()
    return open_run(log_dir).latest


def margins(logits: Any, labels: np.ndarray) -> Any:
    own = tf.gather(logits, labels, batch_dims=1)
    others = [tf.concat([logits[:, :label], logits[:, label + 1 :]], 1) for label in range(CLASSES)]
    highest = tf.stack([tf.reduce_max(each, 1) for each in others], 1)
    return own - tf.gather(highest, labels, batch_dims=1)


def plain(inner: Any, rest: Any, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Margins, and the gradient with respect to the inner values, by a tape."""
    inner = tf.convert_to_tensor(inner)
    with tf.GradientTape() as tape:
        tape.watch(inner)
        found = margins(rest(inner), labels)
    return found.numpy(), tape.gradient(found, inner).numpy()


def test_maps_and_dense_layers(tmp_path: Path) -> None:
    model, (x, y) = network(), images()
    snapshot = logged(tmp_path, model, x, y, layers=["conv", "act", "hidden", "head"], batch_size=16)
    assert not snapshot.notes
    ids = np.array(snapshot.instances["id"].to_pylist())
    layers = {layer.name: number for number, layer in enumerate(model.layers)}
    for name in ("conv", "act", "hidden", "head"):
        inner: Any = x
        for layer in model.layers[: layers[name] + 1]:
            inner = layer(inner, training=False) if layer.name in ("norm", "drop") else layer(inner)

        def rest(values: Any, after: int = layers[name] + 1) -> Any:
            for layer in model.layers[after:]:
                values = layer(values, training=False) if layer.name in ("norm", "drop") else layer(values)
            return values

        found, gradient = plain(inner, rest, y)
        effects = snapshot.gradient_effects(name)
        chosen = ids[effects.rows]
        assert sorted(chosen.tolist()) == np.flatnonzero(found < 0).tolist()
        over = tuple(range(1, gradient.ndim - 1))
        np.testing.assert_allclose(effects.gradient, gradient.sum(over)[chosen], **CLOSE)
        product = (gradient * np.asarray(inner)).sum(over)[chosen]
        np.testing.assert_allclose(effects.product, product, rtol=2e-3, atol=1e-4)
        assert effects.has_positions == (gradient.ndim > 2)


def test_padding_never_counts_also_in_models_of_the_users_own_code(tmp_path: Path) -> None:
    class Tagger(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = keras.layers.Embedding(20, 5, mask_zero=True)
            self.inside = keras.layers.Dense(6, activation="tanh")
            self.pool, self.head = keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(CLASSES)

        def call(self, ids: Any) -> Any:
            return self.head(self.pool(self.inside(self.embedding(ids))))

    model, (ids, y) = Tagger(), tokens()
    model(ids[:1])
    snapshot = logged(tmp_path, model, ids, y)
    layer = next(name for name, each in snapshot.layers.items() if each.neurons == 6)
    real = (ids != 0)[:, :, None]
    inner = model.inside(model.embedding(ids))
    _, gradient = plain(inner, lambda values: model.head(model.pool(values, mask=ids != 0)), y)
    effects = snapshot.gradient_effects(layer)
    chosen = np.array(snapshot.instances["id"].to_pylist())[effects.rows]
    assert chosen.size > 10
    np.testing.assert_allclose(effects.gradient, (gradient * real).sum(1)[chosen], **CLOSE)
    np.testing.assert_allclose(effects.product, (gradient * inner.numpy() * real).sum(1)[chosen], rtol=2e-3, atol=1e-4)


def test_neurons_that_are_tried_have_the_margins_of_a_model_with_them_set(tmp_path: Path) -> None:
    model, (x, y) = network(), images()
    snapshot = logged(tmp_path, model, x, y, layers=["act", "hidden"], effects="tried")
    ids = np.array(snapshot.instances["id"].to_pylist())
    act = model.layers[2](model.layers[1](model.layers[0](x), training=False)).numpy()
    hidden = model.layers[4](model.layers[3](act)).numpy()
    compared = 0
    for name, values in (("act", act), ("hidden", hidden)):
        tried = snapshot.tried_effects(name)
        assert tried.rows.size == 32
        reduced = values.mean((1, 2)) if values.ndim == 4 else values
        for place, row in enumerate(tried.rows[:6]):
            instance = int(ids[row])
            means = reduced[y == y[instance]].mean(0)
            neurons = [int(each) for each in tried.neurons[place] if each >= 0]
            for order, chosen in enumerate([[neuron] for neuron in neurons] + [neurons]):
                changed = values[instance : instance + 1].copy()
                for neuron in chosen:
                    ratio = means[neuron] / reduced[instance, neuron]
                    if name == "hidden":
                        changed[:, neuron] = means[neuron]
                    elif 0 <= ratio <= 10:
                        changed[..., neuron] *= ratio
                    else:
                        changed[..., neuron] += means[neuron] - reduced[instance, neuron]
                after = model.layers[4](model.layers[3](changed)) if name == "act" else changed
                expected = float(margins(model.layers[6](after), y[instance : instance + 1])[0])
                got = tried.together[place] if order == len(neurons) else tried.alone[place, order]
                assert got == pytest.approx(expected, rel=1e-3, abs=1e-4)
                compared += 1
        assert (tried.corrected == (tried.together > 0)).all()
    assert compared > 20


def train(log_dir: Path | None, effects: str | None) -> list[np.ndarray]:
    keras.utils.set_random_seed(3)
    model, (x, y) = network(), images()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callbacks = [] if log_dir is None else [ActiVisCallback(log_dir, x, y, effects=effects, strict=True)]
    model.fit(x, y, epochs=3, batch_size=16, verbose=0, callbacks=callbacks)
    if log_dir is not None:
        assert open_run(log_dir).latest.gradient_effects("act").rows.size
    state = [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]
    return [*state, np.random.rand(3), keras.random.uniform((3,)).numpy()]  # noqa: NPY002


@pytest.mark.parametrize("effects", ["gradients", "tried"])
def test_training_is_bit_for_bit_the_same(tmp_path: Path, effects: str) -> None:
    for one, other in zip(train(None, None), train(tmp_path, effects), strict=True):
        np.testing.assert_array_equal(one, other)


def log_here(log_dir: Path, weights: str) -> None:
    """Logs the network with stored weights, with the backend of this process."""
    model, (x, y) = network(), images()
    with np.load(weights) as stored:
        model.set_weights([stored[f"arr_{number}"] for number in range(len(stored.files))])
    logged(log_dir, model, x, y, layers=["act", "hidden"], effects="tried", strict=False)


def run_with(backend: str, *arguments: str) -> str:
    """What a process with another backend says."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_backends(tmp_path: Path, backend: str) -> None:
    pytest.importorskip(backend)
    model, (x, y) = network(), images()
    np.savez(tmp_path / "weights.npz", *model.get_weights())
    code = f"""
from pathlib import Path
from tests.test_keras_effects import log_here
log_here(Path({str(tmp_path / "there")!r}), {str(tmp_path / "weights.npz")!r})
"""
    said = run_with(backend, "-c", code)
    there = open_run(tmp_path / "there").latest
    assert there.activations("hidden").shape == (60, 7)
    if backend == "jax":
        assert "no effects are measured with Keras on JAX" in said
        with pytest.raises(NotFoundError, match="No effects were recorded"):
            there.gradient_effects("hidden")
        return
    here = logged(tmp_path / "here", model, x, y, layers=["act", "hidden"], effects="tried")
    for layer in ("act", "hidden"):
        ours, theirs = here.gradient_effects(layer), there.gradient_effects(layer)
        assert ours.rows.tolist() == theirs.rows.tolist()
        np.testing.assert_allclose(ours.gradient, theirs.gradient, **CLOSE)
        np.testing.assert_allclose(ours.product, theirs.product, rtol=2e-3, atol=1e-4)
        tried, other = here.tried_effects(layer), there.tried_effects(layer)
        np.testing.assert_allclose(tried.together, other.together, rtol=1e-3, atol=1e-3)
    name = "tests/test_keras_effects.py::test_training_is_bit_for_bit_the_same"
    options = ("-q", "-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning")
    assert "2 passed" in run_with("torch", "-m", "pytest", *options, name)


def test_probabilities_have_the_margins_of_their_logits(tmp_path: Path) -> None:
    model, (x, y) = network(), images()
    squashed = keras.Sequential([*model.layers, keras.layers.Softmax(name="probable")])
    logits = logged(tmp_path / "a", model, x, y, layers=["hidden"]).gradient_effects("hidden")
    probable = logged(tmp_path / "b", squashed, x, y, layers=["hidden"]).gradient_effects("hidden")
    assert logits.rows.tolist() == probable.rows.tolist()
    np.testing.assert_allclose(logits.gradient, probable.gradient, rtol=1e-2, atol=1e-4)


def test_regression_is_refused_in_words_and_wrong_options_at_once(tmp_path: Path) -> None:
    x, _ = images()
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(1, name="head")])
    snapshot = logged(tmp_path / "a", model, x, np.linspace(0, 1, 60), layers=["head"])
    assert any("the task is regression" in note for note in snapshot.notes)
    with pytest.raises(NotFoundError, match="No effects were recorded"):
        snapshot.gradient_effects("head")
    with pytest.raises(ConfigurationError, match="effects must be"):
        ActiVisCallback(tmp_path / "b", x, effects="all")
