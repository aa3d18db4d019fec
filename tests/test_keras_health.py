"""Training health in Keras: gradients against what plain gradient descent does to the weights, activations against numpy."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from tensorboard_activis import open_run
from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.keras import ActiVisCallback
from tensorboard_activis.read.health import Health
from tests.small_keras import X, Y, fitted, network, state

#: Of what is stored: the upper 16 bits of float32.
DIGITS = 2.0**-8
RATE = 0.01
ON_TORCH = keras.backend.backend() == "torch"


def array(tensor) -> np.ndarray:
    """A copy."""
    return np.asarray(tensor).copy()


class Witness(keras.callbacks.Callback):
    """The weights of each layer before and after each batch, and the mean loss over the epoch so far."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[dict[str, list[np.ndarray]]] = []
        self.after: list[dict[str, list[np.ndarray]]] = []
        self.losses: list[float] = []

    def weights(self) -> dict[str, list[np.ndarray]]:
        return {layer.name: [array(one) for one in layer.trainable_variables] for layer in self.model.layers}

    def on_train_batch_begin(self, batch, logs=None):
        self.before.append(self.weights())

    def on_train_batch_end(self, batch, logs=None):
        self.after.append(self.weights())
        self.losses.append(float(logs["loss"]))

    def moved(self, step: int, name: str) -> np.ndarray:
        pairs = zip(self.before[step][name], self.after[step][name], strict=True)
        return np.concatenate([(after.astype(np.float64) - before).ravel() for before, after in pairs])


def described(outputs: np.ndarray, *, relu: bool = False) -> dict[str, float]:
    """The figures of a layer's outputs [instances, ..., neurons]."""
    outputs = outputs.astype(np.float64)
    axes = tuple(range(outputs.ndim - 1))
    return {
        "activation_norm": np.sqrt((outputs**2).sum() / len(outputs)),
        "activation_rms": np.sqrt((outputs**2).mean()),
        "kurtosis": ((outputs - outputs.mean()) ** 4).mean() / outputs.var() ** 2,
        "dead_share": ((outputs <= 0) if relu else (outputs == 0)).all(axis=axes).mean(),
    }


def descended(
    make: Callable[[], keras.Model], directory: Path, x, y, *, every: int = 1, epochs: int = 1, loss="mse", **options
) -> tuple[Witness, Health]:
    """Plain gradient descent in the order of the data, 16 at a time, so that what weights move by is the gradient."""
    keras.utils.set_random_seed(1)
    model = make()
    model.compile(keras.optimizers.SGD(RATE), loss, jit_compile=False, **options.pop("compile", {}))
    witness = Witness()
    sampled = x[:8] if not isinstance(x, list) else [part[:8] for part in x]
    callback = ActiVisCallback(directory, sampled, health=every)
    model.fit(x, y, batch_size=16, epochs=epochs, shuffle=False, verbose=0, callbacks=[witness, callback], **options)
    return witness, open_run(directory).health


def assert_gradients(health: Health, witness: Witness, names: list[str]) -> None:
    for name in names:
        for at, step in enumerate(health.steps.tolist()):
            moved = np.linalg.norm(witness.moved(step, name))
            before = np.linalg.norm(np.concatenate([one.ravel() for one in witness.before[step][name]]))
            # The weights are float32, so that their difference is rough.
            assert health.of("gradient_norm", name)[at] == pytest.approx(moved / RATE, rel=2e-2), name
            assert health.of("update_ratio", name)[at] == pytest.approx(moved / before, rel=2 * DIGITS), name


def plain() -> keras.Model:
    """With a dropout, whose random numbers are in the gradients of all layers but the last."""
    model = network()
    model.get_layer("norm").set_weights([np.ones(4), np.array([-50.0, 0, 0, -50]), np.zeros(4), np.ones(4)])
    return model


def test_figures_are_those_of_the_training_step(tmp_path: Path):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    witness, health = descended(plain, tmp_path, X, Y, every=2, epochs=2, loss=loss)
    assert health.steps.tolist() == list(range(0, 10, 2))
    assert [(layer.name, layer.type) for layer in health.layers] == [
        ("conv", "Conv2D"),
        ("norm", "BatchNormalization"),
        ("logits", "Dense"),
    ]
    assert_gradients(health, witness, ["conv", "norm", "logits"])
    conv = keras.layers.Conv2D(4, 3)
    conv.build((None, 7, 5, 3))
    for at, step in enumerate(health.steps.tolist()):
        batch = X[16 * (step % 5) :][:16]
        conv.set_weights(witness.before[step]["conv"])
        maps = np.asarray(keras.ops.convert_to_numpy(conv(batch)))
        gamma, beta = witness.before[step]["norm"]
        over = (0, 1, 2)
        normed = gamma * (maps - maps.mean(over)) / np.sqrt(maps.var(over) + 1e-3) + beta
        for name, expected in (("conv", described(maps)), ("norm", described(normed, relu=True))):
            for measure, value in expected.items():
                assert health.of(measure, name)[at] == pytest.approx(value, rel=2 * DIGITS, abs=1e-6), (measure, name)
        index = step % 5
        sizes = [16, 16, 16, 16, 6]
        total = witness.losses[step] * sum(sizes[: index + 1])
        earlier = witness.losses[step - 1] * sum(sizes[:index]) if index else 0.0
        assert health.loss[at] == pytest.approx((total - earlier) / sizes[index], rel=1e-4, abs=1e-5)
    assert (health.of("dead_share", "norm") >= 0.5 - DIGITS).all()
    assert np.isnan(health.of("expert_load", "conv")).all()
    assert not health.notes


@pytest.mark.parametrize("kind", ["adam", "eager", "compiled", "scaled", "data set", "several steps"])
def test_training_is_the_same_with_and_without(tmp_path: Path, kind: str):
    if kind in ("compiled", "several steps", "data set") and ON_TORCH:
        pytest.skip("torch has no XLA, no execution of several steps, and no data set of TensorFlow's")

    def trained(callbacks: list[keras.callbacks.Callback]) -> dict[str, np.ndarray]:
        if kind == "adam":
            return state(fitted(callbacks))
        keras.utils.set_random_seed(1)
        model = plain()
        optimizer = keras.optimizers.Adam()
        if kind == "scaled":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1024.0)
        model.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            run_eagerly=kind == "eager",
            jit_compile=kind == "compiled",
            steps_per_execution=3 if kind == "several steps" else 1,
        )
        data = {"x": X, "y": Y, "batch_size": 16, "shuffle": True}
        if kind == "data set":
            import tensorflow as tf

            data = {"x": tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(70, seed=3).batch(16), "shuffle": False}
        model.fit(**data, epochs=2, verbose=0, callbacks=callbacks)
        return state(model)

    plainly, measured = trained([]), trained([ActiVisCallback(tmp_path, X, Y, health=1)])
    assert all(np.array_equal(one, other) for one, other in zip(plainly.values(), measured.values(), strict=True))
    health = open_run(tmp_path).health
    assert np.isfinite(health.of("gradient_norm", "conv")).all()
    assert np.isfinite(health.of("kurtosis", "logits")).all()
    assert len(health.steps) == {"adam": 15, "several steps": 4}.get(kind, 10)
    # Gradients are those of the loss, not of the scaled one.
    assert (health.of("gradient_norm", "logits") < 10).all()
    assert any("steps_per_execution" in note for note in health.notes) == (kind == "several steps")


def odd() -> keras.Model:
    """Two inputs, an embedding, a recurrent layer, a shared layer, regularizers, frozen weights, a model in the model."""
    tokens, numbers = keras.Input((6,), dtype="int32", name="tokens"), keras.Input((5,), name="numbers")
    x = layers.LSTM(4, name="lstm")(layers.Embedding(9, 3, name="embedding")(tokens))
    frozen = layers.Dense(4, name="frozen", trainable=False)
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4, "relu", name="deep")], name="inner")
    shared = layers.Dense(4, kernel_regularizer="l2", activity_regularizer="l1", name="shared")
    y = shared(x) + shared(inner(frozen(numbers)))
    return keras.Model([tokens, numbers], layers.Dense(1, name="head")(y))


def test_layers_of_all_kinds(tmp_path: Path):
    random = np.random.default_rng(3)
    x = [random.integers(0, 9, (40, 6)).astype("int32"), random.normal(size=(40, 5)).astype("float32")]
    y, weights = random.normal(size=(40, 1)), random.random(40)
    witness, health = descended(odd, tmp_path, x, y, sample_weight=weights)
    assert {layer.name for layer in health.layers} == {
        "embedding",
        "lstm",
        "frozen",
        "inner.deep",
        "shared",
        "head",
    }
    assert_gradients(health, witness, ["embedding", "lstm", "shared", "head"])
    assert np.isnan(health.of("gradient_norm", "frozen")).all()
    assert np.isnan(health.of("update_ratio", "frozen")).all()
    for name in ("embedding", "lstm", "frozen", "inner.deep", "shared", "head"):
        assert np.isfinite(health.of("activation_rms", name)).all(), name
    table = witness.before[0]["embedding"][0]
    assert health.of("activation_rms", "embedding")[0] == pytest.approx(
        np.sqrt((table[x[0][:16]].astype(np.float64) ** 2).mean()), rel=DIGITS
    )


class Mixture(layers.Layer):
    """Each token to two of four experts."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.num_experts, self.top_k = 4, 2
        self.router = layers.Dense(4, name="router")
        self.experts = [layers.Dense(3, name=f"expert{index}") for index in range(4)]

    def build(self, shape):
        for layer in (self.router, *self.experts):
            layer.build(shape)

    def call(self, x):
        shares = keras.ops.softmax(self.router(x))
        return sum(shares[:, index, None] * expert(x) for index, expert in enumerate(self.experts))


def test_the_load_of_experts(tmp_path: Path):
    x = np.random.default_rng(3).normal(size=(48, 8)).astype("float32")
    made: list[keras.Model] = []

    def make() -> keras.Model:
        made.append(keras.Sequential([keras.Input((8,)), Mixture(name="mixture")]))
        return made[0]

    keras.utils.set_random_seed(1)
    kernel, bias = make().layers[0].router.get_weights()
    descended(make, tmp_path, x, np.zeros((48, 3)))
    health = open_run(tmp_path).health
    router = next(layer for layer in health.layers if layer.name == "mixture.router")
    assert (router.experts, router.chosen) == (4, 2)
    chosen = np.argsort(-(x[:16] @ kernel + bias), axis=1)[:, :2]
    expected = np.bincount(chosen.ravel(), minlength=4).max() / 16
    assert health.of("expert_load", "mixture.router")[0] == pytest.approx(expected, rel=DIGITS)


def test_accumulated_gradients_are_one_step(tmp_path: Path):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2, name="dense")])
    model.compile(keras.optimizers.SGD(RATE, gradient_accumulation_steps=3), "mse", jit_compile=False)
    x = np.random.default_rng(3).normal(size=(96, 4)).astype("float32")
    witness = Witness()
    callback = ActiVisCallback(tmp_path, x[:8], health=1)
    model.fit(x, x[:, :2], batch_size=16, epochs=1, shuffle=False, verbose=0, callbacks=[witness, callback])
    health = open_run(tmp_path).health
    assert health.steps.tolist() == [0, 1]
    assert any("accumulated over 3 batches" in note for note in health.notes)
    for at, batch in enumerate((2, 5)):
        before = np.concatenate([one.ravel() for one in witness.before[batch]["dense"]])
        ratio = np.linalg.norm(witness.moved(batch, "dense")) / np.linalg.norm(before)
        assert health.of("update_ratio", "dense")[at] == pytest.approx(ratio, rel=2 * DIGITS)


def test_what_is_not_finite_is_infinite(tmp_path: Path):
    def make() -> keras.Model:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="one"), layers.Dense(2, name="two")])
        model.get_layer("two").set_weights([np.full((3, 2), np.nan), np.zeros(2)])
        return model

    x = np.random.default_rng(3).normal(size=(32, 4)).astype("float32")
    _, health = descended(make, tmp_path, x, x[:, :2])
    assert np.isfinite(health.of("activation_rms", "one")[0])
    assert np.isinf(health.of("activation_rms", "two")).all()
    assert np.isinf(health.of("gradient_norm", "one")).all()
    assert (health.of("dead_share", "two") == 0).all()


def test_a_training_step_of_the_users_own_has_updates_only(tmp_path: Path):
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2, name="dense")

        def call(self, x):
            return self.dense(x)

        def train_step(self, *arguments):
            return super().train_step(*arguments)

    def make() -> keras.Model:
        model = Own()
        model(np.zeros((1, 4), "float32"))
        return model

    x = np.random.default_rng(3).normal(size=(32, 4)).astype("float32")
    witness, health = descended(make, tmp_path, x, x[:, :2])
    assert "train_step of its own" in health.notes[0]
    assert np.isfinite(health.of("update_ratio", "dense")).all()
    assert np.isnan(health.of("gradient_norm", "dense")).all()
    assert np.isnan(health.of("activation_rms", "dense")).all()
    assert health.loss[0] == pytest.approx(witness.losses[0], rel=1e-5, abs=1e-5)


def test_a_step_that_cannot_be_computed_again_costs_what_it_would_give(tmp_path: Path, monkeypatch):
    from tensorboard_activis.capture.keras.health.second_pass import SecondPass

    def failing(*arguments: object) -> None:
        raise ValueError("no second time")

    monkeypatch.setattr(SecondPass, "_watched", failing)
    plainly = state(fitted([]))
    measured = state(fitted([ActiVisCallback(tmp_path, X, Y, health=1)]))
    assert all(np.array_equal(one, other) for one, other in zip(plainly.values(), measured.values(), strict=True))
    health = open_run(tmp_path).health
    assert "ValueError: no second time" in health.notes[0]
    assert np.isfinite(health.of("update_ratio", "conv")).all()
    assert np.isnan(health.of("gradient_norm", "conv")).all()


def test_an_error_of_another_callback_leaves_nothing_behind(tmp_path: Path):
    class Failing(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise RuntimeError("stop here")

    keras.utils.set_random_seed(1)
    model = plain()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    with pytest.raises(RuntimeError, match="stop here"):
        model.fit(X, Y, verbose=0, callbacks=[ActiVisCallback(tmp_path, X, Y, health=1), Failing()])
    model.fit(X, Y, verbose=0)
    with pytest.raises(NotFoundError):
        open_run(tmp_path)


def test_two_callbacks_measure_one_training(tmp_path: Path):
    """Each at its own steps, and the training is the one without them."""
    two = [ActiVisCallback(tmp_path / str(every), X, Y, health=every) for every in (2, 3)]
    plain, measured = state(fitted([])), state(fitted(two))
    for value, other in zip(plain.values(), measured.values(), strict=True):
        np.testing.assert_array_equal(value, other)
    runs = [open_run(tmp_path / str(every)) for every in (2, 3)]
    assert [run.health.steps.tolist() for run in runs] == [list(range(0, 15, every)) for every in (2, 3)]
    both = [[run.health.steps.tolist().index(step) for step in (0, 6, 12)] for run in runs]
    first, second = (run.health.values[:, :, places] for run, places in zip(runs, both, strict=True))
    np.testing.assert_array_equal(first, second)
    for name in ("relu", "logits"):
        np.testing.assert_array_equal(runs[0].latest.activations(name), runs[1].latest.activations(name))
