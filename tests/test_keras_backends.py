"""Keras's other backends, by the tests of the first, and several devices: each in a process of its own."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.keras import ActiVisCallback
from tests.small_keras import NAMES, X, Y, network

ROOT = pathlib.Path(__file__).parent.parent
#: What may differ from one backend to the next.
TESTS = (
    "capture/keras/test_forward.py",
    "capture/keras/test_replay.py",
    "capture/keras/test_reduce.py",
    "capture/keras/test_peaks.py",
    "capture/keras/graph/test_recording.py",
    "test_keras.py::test_snapshots_of_fit_agree_with_predict",
    "test_keras.py::test_several_inputs_and_outputs_from_a_data_set",
    "test_keras.py::test_second_fit_goes_on",
    "test_keras_instances.py::test_tokens_are_counted_where_the_model_s_mask_is",
    "test_keras_instances.py::test_pinned_are_kept_beside_the_sample_and_in_no_summary",
    "test_keras_manners.py::test_training_is_bit_identical_with_and_without",
    "test_keras_manners.py::test_memory_does_not_grow_from_snapshot_to_snapshot",
)
#: A few of them, where all take minutes to compile.
FEW = (
    "capture/keras/test_forward.py",
    "test_keras.py::test_snapshots_of_fit_agree_with_predict",
    "test_keras_manners.py::test_training_is_bit_identical_with_and_without",
)
HEALTH = ("test_keras_health.py",)
#: What is taken from models with attention, in a process of its own.
ATTENTION = ("capture/keras/test_heads.py", "capture/keras/test_depth.py")


def python(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.mark.parametrize(
    ("backend", "tests"),
    [
        ("torch", (*TESTS, *HEALTH)),
        ("jax", FEW),
        pytest.param("jax", TESTS, marks=pytest.mark.nightly),
        pytest.param("torch", ATTENTION, marks=pytest.mark.nightly),
        pytest.param("jax", HEALTH, marks=pytest.mark.nightly),
        pytest.param("jax", ATTENTION, marks=pytest.mark.nightly),
    ],
)
def test_other_backends(backend, tests):
    pytest.importorskip(backend)
    # Keras's own way to numpy warns on these backends.
    options = ("-q", "-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning")
    result = python("-m", "pytest", *options, *(f"tests/{test}" for test in tests), KERAS_BACKEND=backend)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-1000:]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's strategy")
def test_mirrored_strategy_on_two_devices(tmp_path):
    code = f"from tests.test_keras_backends import log_mirrored; log_mirrored({str(tmp_path)!r})"
    result = python("-W", "error::UserWarning", "-c", code)
    assert result.returncode == 0, result.stderr[-4000:]
    with np.load(tmp_path / "weights.npz") as weights:
        model = network()
        model.set_weights([weights[f"arr_{number}"] for number in range(len(weights.files))])
    run = open_run(tmp_path)
    assert run.steps == [5, 10]
    assert "Under a distribution strategy" in run.health.notes[0]
    assert np.isnan(run.health.of("gradient_norm", "logits")).all()
    assert (run.health.of("update_ratio", "logits") > 0).all()
    rows = np.asarray(run.latest.instances["id"])
    assert sorted(rows) == list(range(70))
    assert [NAMES.index(name) for name in run.latest.instances["label"].to_pylist()] == Y[rows].tolist()
    logits = model.predict(X, verbose=0)
    np.testing.assert_allclose(run.latest.activations("logits"), logits[rows], rtol=2e-3, atol=1e-3)
    maps = keras.Model(model.inputs, model.get_layer("relu").output).predict(X, verbose=0).mean(axis=(1, 2))
    summary = run.latest.summary("relu")
    for row, members in ((0, Y >= 0), (1, Y == 0), (3, Y == 2)):
        np.testing.assert_allclose(summary.mean[row], maps[members].mean(axis=0), rtol=1e-5, atol=1e-5)
        assert summary.count[row, 0] == members.sum()


def log_mirrored(directory: str) -> None:
    """Train under the strategy, and keep the weights: what the test above runs in a process whose devices it chooses."""
    import tensorflow as tf

    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [half, half])
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    with strategy.scope():
        keras.utils.set_random_seed(1)
        model = network()
    callback = ActiVisCallback(directory, X, Y, class_names=NAMES, sample=None, batch_size=32, strict=True, health=1)
    model.fit(X, Y, batch_size=16, epochs=2, verbose=0, callbacks=[callback])
    np.savez(pathlib.Path(directory) / "weights.npz", *model.get_weights())
