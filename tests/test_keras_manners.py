"""Training with the Keras callback is what it is without; whatever happens, files stay readable."""

import gc
import tracemalloc
import warnings

import keras
import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.keras import ActiVisCallback
from tests.small_keras import RANDOM, X, Y, fitted, network, state


def test_training_is_bit_identical_with_and_without(tmp_path):
    plain = fitted([])
    after_plain = np.asarray(keras.random.uniform((4,))), RANDOM.bit_generator.state
    model = fitted([ActiVisCallback(tmp_path, X, Y, strict=True)])
    after = np.asarray(keras.random.uniform((4,))), RANDOM.bit_generator.state
    expected, found = state(plain), state(model)
    assert len(expected) == len(found) > 10
    for (name, value), other in zip(expected.items(), found.values(), strict=True):
        np.testing.assert_array_equal(value, other, err_msg=name)
    np.testing.assert_array_equal(after_plain[0], after[0])
    assert {key: plain.history.history[key] for key in ("loss", "accuracy")} == {
        key: model.history.history[key] for key in ("loss", "accuracy")
    }
    assert open_run(tmp_path).steps == [5, 10, 15]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.data")
def test_reading_the_training_data_keeps_its_order(tmp_path):
    import tensorflow as tf

    def trained(make_callbacks) -> keras.Model:
        keras.utils.set_random_seed(1)
        model = network()
        dataset = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(70).batch(16)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`shuffle=True` was passed", UserWarning)
            model.fit(dataset, epochs=3, verbose=0, callbacks=make_callbacks(dataset))
        return model

    plain = trained(lambda dataset: [])
    model = trained(lambda dataset: [ActiVisCallback(tmp_path, dataset, strict=True)])
    for value, other in zip(state(plain).values(), state(model).values(), strict=True):
        np.testing.assert_array_equal(value, other)
    assert open_run(tmp_path).latest.record.seen == 70


def test_faults_warn_once_and_training_goes_on(tmp_path):
    class Failing(keras.utils.PyDataset):
        passes = 0

        def __len__(self) -> int:
            return 2

        def __getitem__(self, number: int):
            self.passes += number
            if number and self.passes > 1:
                raise RuntimeError("disk on fire")
            return X[:10], Y[:10]

    data = Failing()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ActiVisWarning)
        model = fitted([ActiVisCallback(tmp_path, data)])
    told = [str(warning.message) for warning in caught if warning.category is ActiVisWarning]
    assert len(told) == 1
    assert "lost the snapshot of step 10; training goes on. RuntimeError: disk on fire" in told[0]
    assert open_run(tmp_path).steps == [5]
    for value, other in zip(state(fitted([])).values(), state(model).values(), strict=True):
        np.testing.assert_array_equal(value, other)
    strict = ActiVisCallback(tmp_path / "strict", Failing(), strict=True)
    with pytest.raises(RuntimeError, match="disk on fire"):
        fitted([strict])
    strict.close()


class Interrupting(keras.utils.PyDataset):
    """Ctrl-C in the second batch of the second snapshot."""

    complete = 0

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int):
        if number and self.complete:
            raise KeyboardInterrupt
        self.complete += number
        return X[number * 35 : number * 35 + 35], Y[number * 35 : number * 35 + 35]


def test_ctrl_c_while_logging_leaves_readable_files_and_frees_the_directory(tmp_path):
    first = ActiVisCallback(tmp_path, Interrupting())
    with pytest.raises(KeyboardInterrupt):
        fitted([first])
    run = open_run(tmp_path)
    assert run.steps == [5]
    assert run.latest.record.seen == 70
    assert np.isfinite(run.latest.activations("relu")).all()
    fitted([ActiVisCallback(tmp_path, X, Y, strict=True)], epochs=1)  # though `first` is still there
    assert open_run(tmp_path).steps == [5]


class Stopping(keras.callbacks.Callback):
    def __init__(self, error: type[BaseException]) -> None:
        super().__init__()
        self.error = error

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise self.error("in the middle")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_training_that_breaks_off_frees_the_directory_for_the_next(tmp_path, error):
    first = ActiVisCallback(tmp_path, X, Y, strict=True)
    with pytest.raises(error) as held:  # and with it the frames of `fit`, as a notebook does
        fitted([first, Stopping(error)])
    assert open_run(tmp_path).steps == [5, 10]
    second = ActiVisCallback(tmp_path, X, Y, strict=True)
    fitted([second], epochs=4)
    assert open_run(tmp_path).steps == [5, 10, 15, 20]
    assert held.traceback


def test_while_training_runs_nobody_takes_its_directory(tmp_path):
    class Rival(keras.callbacks.Callback):
        said = ""

        def on_epoch_end(self, epoch, logs=None):
            with pytest.raises(ConfigurationError, match="Another logger") as refused:
                ActiVisCallback(tmp_path, X, Y)
            self.said = str(refused.value)

    rival = Rival()
    fitted([ActiVisCallback(tmp_path, X, Y, strict=True), rival], epochs=1)
    assert "Close it first" in rival.said


def test_memory_does_not_grow_from_snapshot_to_snapshot(tmp_path):
    callback = ActiVisCallback(tmp_path, X, Y, sample=None, batch_size=32, strict=True)
    callback.set_model(network())

    def live() -> tuple[int, int]:
        gc.collect()
        return len(gc.get_objects()), tracemalloc.get_traced_memory()[0]

    for step in range(10):  # caches of libraries fill
        callback.log(step)
    tracemalloc.start()
    try:
        callback.log(10)
        objects, memory = live()
        for step in range(11, 41):
            callback.log(step)
        more_objects, more_memory = live()
    finally:
        tracemalloc.stop()
    assert callback._capture is not None
    assert callback._capture.forward.traces == 1 or keras.backend.backend() == "torch"
    callback.close()
    # Each snapshot holds 70 thumbnails, activations and outputs, more than 10 kB: kept, they would be 300 kB after 30 of them.
    # Python's own lists of free numbers go on to fill for a while, by up to 130 kB.
    assert more_objects - objects < 50
    assert more_memory - memory < 200_000
    assert len(open_run(tmp_path).steps) == 41
