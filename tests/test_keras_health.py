"""Training health in Keras, against the weights before and after each batch; training stays the same."""

from pathlib import Path

import keras
import numpy as np

from tensorboard_activis import open_run
from tensorboard_activis.keras import ActiVisCallback
from tests.small_keras import X, Y, fitted, state

DIGITS = 2.0**-8


class Witness(keras.callbacks.Callback):
    """What each batch did to the weights of each layer, and what it lost."""

    def __init__(self) -> None:
        super().__init__()
        self.ratios: list[dict[str, float]] = []
        self.losses: list[float] = []

    def weights(self) -> dict[str, np.ndarray]:
        own = {
            layer.name: [np.asarray(one).flatten() for one in layer.trainable_variables] for layer in self.model.layers
        }
        return {name: np.concatenate(parts) for name, parts in own.items() if parts}

    def on_train_batch_begin(self, batch, logs=None):
        self.before = self.weights()

    def on_train_batch_end(self, batch, logs=None):
        after = self.weights()
        self.ratios.append(
            {name: float(np.linalg.norm(after[name] - old) / np.linalg.norm(old)) for name, old in self.before.items()}
        )
        self.losses.append(logs["loss"])


def test_updates_are_those_of_the_weights(tmp_path: Path):
    witness = Witness()
    fitted([witness, ActiVisCallback(tmp_path, X, Y, health=2)])
    health = open_run(tmp_path).health
    assert health.steps.tolist() == list(range(0, 15, 2))
    assert [layer.name for layer in health.layers] == ["conv", "norm", "logits"]
    for name in ("conv", "norm", "logits"):
        expected = [witness.ratios[step][name] for step in health.steps]
        np.testing.assert_allclose(health.of("update_ratio", name), expected, rtol=2 * DIGITS)
    assert health.loss[0] == np.float32(witness.losses[0])
    np.testing.assert_allclose(health.loss[1], 3 * witness.losses[2] - 2 * witness.losses[1], rtol=1e-4)
    gradients = health.of("gradient_norm", "conv")
    assert np.isfinite(gradients).all() if keras.backend.backend() == "torch" else np.isnan(gradients).all()
    assert any("sees no activations" in note for note in health.notes)
    assert np.isnan(health.of("activation_rms", "conv")).all()


def test_training_is_the_same_with_and_without(tmp_path: Path):
    plain, measured = state(fitted([])), state(fitted([ActiVisCallback(tmp_path, X, Y, health=1)]))
    assert all(np.array_equal(one, other) for one, other in zip(plain.values(), measured.values(), strict=True))
