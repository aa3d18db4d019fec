"""Ctrl-C at any line, and training in another thread, with the Keras callback."""

import random
import signal
import threading
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state

from tensorboard_activis import open_run
from tensorboard_activis.capture.keras.model.calls import operations
from tensorboard_activis.keras import ActiVisCallback
from tests.interrupting import check_interrupts
from tests.small_keras import X, Y, network, state


def world(model: Any) -> dict[str, Any]:
    """What logging could leave changed, by name."""
    return {
        "variables": {name: value.tolist() for name, value in state(model).items()},
        "attributes": [sorted(name for name in vars(operation)) for operation in operations(model)],
        "nodes": [len(operation._inbound_nodes) for operation in operations(model)],
        "classes": (keras.layers.Layer.symbolic_call, keras.Operation.symbolic_call),
        "names": dict(global_state.get_global_attribute("object_name_uids") or {}),
        "stateless": keras.src.backend.common.stateless_scope.in_stateless_scope(),
        "random": (random.getstate(), str(np.random.get_state())),  # noqa: NPY002 - the global state
        "handler": signal.getsignal(signal.SIGINT),
    }


def test_interrupts_at_any_line_leave_nothing(tmp_path: Path) -> None:
    model = network()
    model.optimizer.build(model.trainable_variables)

    def begin() -> None:
        callback = ActiVisCallback(tmp_path, X[:12], Y[:12], strict=True)
        try:
            callback.set_model(model)
            callback.on_train_begin()
        finally:
            callback.close()

    begin()
    assert check_interrupts(begin, 12, lambda: world(model)) > 10
    callback = ActiVisCallback(tmp_path, X[:12], Y[:12], strict=True)
    callback.set_model(model)
    callback.log(0)
    assert check_interrupts(lambda: callback.log(1), 30, lambda: world(model), seed=1) > 10
    callback.log(2)
    callback.close()
    ActiVisCallback(tmp_path, X[:12], Y[:12]).close()
    assert {0, 2} <= set(open_run(tmp_path).steps)


def test_training_beside_logging_is_training_alone(tmp_path: Path) -> None:
    def trained(log_dir: Path | None) -> tuple[dict[str, np.ndarray], int]:
        keras.utils.set_random_seed(1)
        model, logged = network(), 0
        model.optimizer.build(model.trainable_variables)
        callback = None if log_dir is None else ActiVisCallback(log_dir, X[:12], Y[:12], strict=True)
        if callback is not None:
            callback.set_model(model)
            callback.log(0)
        keras.utils.set_random_seed(2)

        def fit() -> None:
            for start in range(0, 480, 16):
                rows = np.arange(start, start + 16) % len(X)
                model.train_on_batch(X[rows], Y[rows])

        training = threading.Thread(target=fit)
        training.start()
        while callback is not None and training.is_alive():
            logged += 1
            callback.log(logged)
        training.join()
        if callback is not None:
            callback.close()
        return state(model), logged

    alone, _ = trained(None)
    beside, logged = trained(tmp_path)
    assert logged
    for value, other in zip(alone.values(), beside.values(), strict=True):
        np.testing.assert_array_equal(value, other)
