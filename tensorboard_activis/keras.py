"""Logging from Keras, on any of its backends: add `ActiVisCallback` to `model.fit(callbacks=[...])`."""

import os
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.exclusive import exclusively
from tensorboard_activis.capture.interrupts import bracketed, uninterrupted
from tensorboard_activis.capture.keras.building import check_call, is_built
from tensorboard_activis.capture.keras.capture import EvaluationData, KerasCapture
from tensorboard_activis.capture.keras.fitting import frame_of_fit, stack
from tensorboard_activis.capture.keras.instances import Audio, Texts
from tensorboard_activis.capture.recorder import Recorder, RunDirectory, check_options
from tensorboard_activis.capture.reducers import Reducer, check_reducer
from tensorboard_activis.errors import ConfigurationError, warn
from tensorboard_activis.schema import Graph, LayerInfo

__all__ = ["ActiVisCallback"]


class ActiVisCallback(keras.callbacks.Callback):
    """Records what the neurons of a model respond to, while it trains.

    A snapshot is taken at the end of every `every` epochs, under the number of training steps made so far. Training stays as
    it is: weights, optimizer, batch statistics, states and random numbers are the same with and without the callback.

    Outside of `fit`: `callback.set_model(model)`, then `callback.log(step)` and `callback.close()`.

    Arguments:
        log_dir: run directory; what is written goes to `activis` inside it.
        x: evaluation data: an array [instances, ...], a list or dict of arrays for a model with several inputs, or a data set of
            (inputs, labels) batches (tf.data.Dataset, keras.utils.PyDataset, torch's DataLoader). Of a generator, which can be
            read only once, the first `steps` batches are kept in memory.
        y: labels [instances]: class indices, one-hot rows, class names, or numbers for regression; 0 and 1
            [instances, classes] where several classes may hold; class indices [instances, positions]. Of a model with several
            outputs in their structure: the first output that has labels is the one looked at. None: without, or in the data set.
        every: epochs from one snapshot to the next.
        layers: names of layers, or globs; None chooses well.
        class_names: one text per class.
        subsets: named expressions over the columns of instances, as in {"unsure": "score < 0.5"}.
        sample: so many instances are kept one by one; None keeps all. Summaries are over all instances in any case.
        reducer: how one number per neuron and instance is made of feature maps and token sequences: "mean" (default), "max",
            "std" (population standard deviation), "first", "last", each over the positions that are no padding; a function of
            (values [instances, neurons, positions], mask); or a dict of these by layer name or glob, in which an exact name
            wins, then the first glob that matches, else the mean.
        task: "classification", "multilabel", "regression", "ranking", "tokens" or "none"; None decides by outputs and labels.
            docs/tasks.md says what prediction, correct, score and loss are then.
        id: identities of instances, integers or texts: a function of a batch, or a sequence in the order of x. An instance whose
            id came before is left out, and a note says so. None: by order in arrays, by content in data sets.
        columns: more facts about instances, for subset expressions and the table: a mapping of names to one number, truth value
            or text per instance in the order of x (a data frame, say), or a function of a batch that returns such a mapping.
        texts: one text, or a list of words, per instance in the order of x, or a function of a batch that returns these: for a
            person to read and for subset expressions, as in {"who": '"who" in text'}. None: inputs that are texts.
        audio: values per second, where inputs are waveforms; or a function of a batch that returns (waveforms, that number).
        pinned: more instances, in any form that `x` may have, or (x, y): always kept and shown first, but in no summary and no
            metric.
        batch_size: instances per forward pass, when `x` is of arrays.
        steps: batches that are read for a snapshot, the first of the data each time; needed for a generator and for a data set
            without an end. None: all; of these, and of the data set that is `validation_data` too, `validation_steps` of `fit`.
        logs: put the loss and the compiled metrics of the pass into the logs of the epoch, as `val_loss` and so on, with the values
            that `model.evaluate` gives on the same batches, for callbacks after this one and for the history; `validation_data`
            may then be left out. What the user's own validation has put there stays.
        progress: show a progress bar for a snapshot; None: if it takes long and the output is a terminal.
        strict: raise faults while logging instead of warning.

    Attributes:
        graph: of the model, as it is recorded; None before there is a model.
        layers: what is recorded, in the order in which it runs; none before there is a model.

    Raises:
        ConfigurationError: an argument is not what it may be. What only the model can tell (layers that match nothing, a
            forward pass that fails) is raised when training starts, before the first batch; of a model that has no weights
            before that, it is a warning at the first snapshot, and is raised with `strict`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        x: Any,
        y: Any = None,
        *,
        every: int = 1,
        layers: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        subsets: Mapping[str, str] | None = None,
        sample: int | None = 1000,
        reducer: Reducer | Mapping[str, Reducer] | None = None,
        task: str | None = None,
        id: Callable[[Any], Sequence[Any]] | Sequence[Any] | None = None,
        columns: Callable[[Any], Mapping[str, Any]] | Mapping[str, Any] | None = None,
        texts: Texts | None = None,
        audio: Audio | None = None,
        pinned: Any = None,
        batch_size: int = 256,
        steps: int | None = None,
        logs: bool = False,
        progress: bool | None = None,
        strict: bool = False,
    ) -> None:
        super().__init__()
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ConfigurationError(f"every must be a positive number of epochs; got {every!r}.")
        if isinstance(layers, str):
            raise ConfigurationError(
                f"layers must be a list of names or globs; got the text {layers!r}: write [{layers!r}]."
            )
        check_options(class_names=class_names, subsets=subsets, sample=sample, task=task, columns=columns, id=id)
        check_reducer(reducer)
        self._data = EvaluationData(
            x,
            y,
            batch_size,
            class_names=class_names,
            task=task,
            id=id,
            columns=columns,
            texts=texts,
            audio=audio,
            pinned=pinned,
            steps=steps,
        )
        self._every = every
        self._logs = logs
        self._layers = layers
        self._options: dict[str, Any] = {
            "class_names": class_names,
            "subsets": subsets,
            "sample": sample,
            "task": task,
            "strict": strict,
        }
        self._reducer = reducer
        self._progress = progress
        self._log_dir = log_dir
        self._training: FrameType | None = None
        self._directory: RunDirectory | None = None
        self._recorder: Recorder | None = None
        self._capture: KerasCapture | None = None
        self._epochs = 0
        self._unchecked = self._refused = False
        _close_abandoned(log_dir)
        _LIVE.add(self)
        bracketed(self._open_directory, lambda: None, lambda failed: self.close() if failed else None)

    def _open_directory(self) -> None:
        self._directory = RunDirectory(self._log_dir)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Checks all that only the model can tell, by one forward pass over one batch.

        A model without weights yet is left to training, which may draw other numbers before it makes them; what it can tell is
        checked at the first snapshot.
        """
        self._training = frame_of_fit()
        self._data.bound(self._training)
        self._refused = False
        self._unchecked = self.model is not None and not is_built(self.model)
        if self._unchecked:
            check_call(self.model)
        else:
            exclusively(self._prepare)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._epochs += 1
        if (epoch + 1) % self._every == 0 and self._is_usable():
            self.log(self._steps_made())
            results = self._capture.results if self._logs and self._capture is not None else {}
            for name, value in results.items():
                if isinstance(logs, dict):  # the one that all callbacks get
                    logs.setdefault(f"val_{name}", value)

    def _is_usable(self) -> bool:
        """Whether the model can be recorded; a model that was not built when training started is asked now.

        An error raised now would end a training that may have taken long, so that a warning says it, unless `strict`.
        """
        if self._unchecked and not self._refused:
            try:
                exclusively(self._prepare)
                self._unchecked = False
            except ConfigurationError as error:
                if self._options["strict"]:
                    raise
                self._refused = True
                warn(f"ActiVis records nothing of this training, which goes on. {error}")
        return not self._refused

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self.close()

    def log(self, step: int | None = None) -> None:
        """Take a snapshot now.

        The newest counts: it takes the place of what was logged before, by this or an earlier callback of the run, at this
        step and at higher ones. Where one callback goes back, a warning names the steps that no longer count.

        Arguments:
            step: number to file it under; None: training steps made so far.

        Raises:
            ConfigurationError: on the first call without `fit`, whatever only the model can tell.
        """
        exclusively(lambda: self._log(step))

    def _log(self, step: int | None) -> None:
        recorder = self._prepare()
        step = self._steps_made() if step is None else step
        try:
            with recorder.guard(step), recorder.snapshot(step) as snapshot:
                assert self._capture is not None
                self._capture.evaluate(snapshot.add, self._progress)
        except Exception:
            raise
        except BaseException:  # Ctrl-C: nobody will tell us of the end
            self.close()
            raise

    @property
    def graph(self) -> Graph | None:
        return None if self._capture is None else self._capture.graph

    @property
    def layers(self) -> tuple[LayerInfo, ...]:
        return () if self._capture is None else self._capture.layers

    def close(self) -> None:
        """Close the files and let another callback have the directory; safe to call twice. `log` opens them anew.

        A snapshot that another thread takes comes first.
        """
        exclusively(lambda: uninterrupted(self._close))

    def _close(self) -> None:
        for held in (self._recorder, self._directory):
            if held is not None:
                held.close()
        self._recorder = self._directory = self._training = None

    def _prepare(self) -> Recorder:
        model = self.model
        if model is None:
            raise ConfigurationError(
                "There is no model yet. Pass the callback to model.fit, or call set_model(model) first."
            )
        if self._capture is None or self._capture.model is not model:
            self._capture = KerasCapture(model, self._data, self._layers, self._reducer, logs=self._logs)
            if self._recorder is not None:
                self._recorder.close()
                self._recorder = self._directory = None
        if self._recorder is None:
            if self._directory is None:
                uninterrupted(self._open_directory)
            assert self._directory is not None
            capture = self._capture
            self._recorder = Recorder(
                self._directory, capture.graph, capture.layers, probabilities=capture.probabilities, **self._options
            )
            self._directory = None  # the recorder closes it
        return self._recorder

    def _steps_made(self) -> int:
        made = getattr(getattr(self.model, "optimizer", None), "iterations", None)
        steps = 0 if made is None else int(np.asarray(made))
        # A model that trains by its own loop may leave its optimizer alone.
        return steps or self._epochs * int((self.params or {}).get("steps") or 1)


#: Callbacks that may hold a directory.
_LIVE: "weakref.WeakSet[ActiVisCallback]" = weakref.WeakSet()


def _close_abandoned(log_dir: str | os.PathLike[str]) -> None:
    """Close the callbacks on a directory whose `fit` has been left by an error or Ctrl-C: Keras tells nobody of that."""
    running = {id(frame) for thread in sys._current_frames().values() for frame in stack(thread)}
    for callback in list(_LIVE):
        left = callback._training is not None and id(callback._training) not in running
        if left and os.path.abspath(callback._log_dir) == os.path.abspath(log_dir):
            callback.close()
