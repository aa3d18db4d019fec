"""Logging from Keras, on any of its backends: add `ActiVisCallback` to `model.fit(callbacks=[...])`."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture import keras_tap
from tensorboard_activis.capture.evaluation import Pass
from tensorboard_activis.capture.keras_data import Batch, evaluation_data, probe_data
from tensorboard_activis.capture.keras_graph import record_graph
from tensorboard_activis.capture.keras_instances import Audio, Described, Instances, Reading, Texts
from tensorboard_activis.capture.keras_labels import Labels
from tensorboard_activis.capture.keras_outputs import described, essence, gives_probabilities
from tensorboard_activis.capture.keras_reduce import Reducer, check_reducer
from tensorboard_activis.capture.random_states import random_states
from tensorboard_activis.capture.recorder import Recorder, RunDirectory, check_options
from tensorboard_activis.errors import ConfigurationError

__all__ = ["ActiVisCallback"]


class ActiVisCallback(keras.callbacks.Callback):
    """Records what the neurons of a model respond to, while it trains.

    A snapshot is taken at the end of every `every` epochs, under the number of training steps made so far. Training stays as
    it is: weights, optimizer, batch statistics, states and random numbers are the same with and without the callback.

    Outside of `fit`: `callback.set_model(model)`, then `callback.log(step)` and `callback.close()`.

    Arguments:
        log_dir: run directory; what is written goes to `activis` inside it.
        x: evaluation data: an array [instances, ...], a list or dict of arrays for a model with several inputs, or a data set of
            (inputs, labels) batches (tf.data.Dataset, keras.utils.PyDataset, torch's DataLoader).
        y: labels [instances]: class indices, one-hot rows, class names, or numbers for regression; 0 and 1
            [instances, classes] where several classes may hold; class indices [instances, positions]. Of a model with several
            outputs in their structure: the first output that has labels is the one looked at. None: without, or in the data set.
        every: epochs from one snapshot to the next.
        layers: names of layers, or globs; None chooses well.
        class_names: one text per class.
        subsets: named expressions over the columns of instances, as in {"unsure": "score < 0.5"}.
        sample: so many instances are kept one by one; None keeps all. Summaries are over all instances in any case.
        reducer: how one number per neuron and instance is made of feature maps and token sequences: "mean" (default), "max",
            "first", "last", a function of (values [instances, neurons, positions], mask), or a dict of these by layer.
        task: "classification", "multilabel", "regression", "ranking", "tokens" or "none"; None decides by outputs and labels.
            docs/tasks.md says what prediction, correct, score and loss are then.
        id: identities of instances, integers or texts: a function of a batch, or a sequence in the order of x. An instance whose
            id came before is left out, and a note says so. None: by order in arrays, by content in data sets.
        columns: more facts about instances, for subset expressions and the table: a mapping of names to one number, truth value
            or text per instance in the order of x (a data frame, say), or a function of a batch that returns such a mapping.
        texts: one text, or a list of words, per instance in the order of x, or a function of a batch that returns these: for a
            person to read and for subset expressions, as in {"who": '"who" in text'}. None: inputs that are texts.
        audio: values per second, where inputs are waveforms; or a function of a batch that returns (waveforms, that number).
        probes: more instances, in any form that `x` may have, or (x, y): always kept and shown first, but in no summary and no
            metric.
        batch_size: instances per forward pass, when `x` is of arrays.
        progress: show a progress bar for a snapshot; None: if it takes long and the output is a terminal.
        strict: raise faults while logging instead of warning.

    Raises:
        ConfigurationError: an argument is not what it may be. What only the model can tell (layers that match nothing, a
            forward pass that fails) is raised when training starts, before the first batch.
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
        probes: Any = None,
        batch_size: int = 256,
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
        with random_states((x, probes)):
            self._data = evaluation_data(x, y, batch_size)
            self._probes = None if probes is None else probe_data(probes, batch_size)
        self._described = Described(self._data, id, columns, texts, audio)
        if not isinstance(self._data.labels, dict | list | tuple):
            Labels(self._data.labels, class_names, task=task)
        self._every = every
        self._layers = layers
        self._class_names = class_names
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
        self._directory: RunDirectory | None = RunDirectory(log_dir)
        self._recorder: Recorder | None = None
        self._tap: keras_tap.Tap | None = None
        self._tapped: Any = None
        self._epochs = 0

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Checks all that only the model can tell, by one forward pass over one batch."""
        self._prepare()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._epochs += 1
        if (epoch + 1) % self._every == 0:
            self.log(self._steps_made())

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self.close()

    def log(self, step: int | None = None) -> None:
        """Take a snapshot now.

        Arguments:
            step: number to file it under; None: training steps made so far.

        Raises:
            ConfigurationError: on the first call without `fit`, whatever only the model can tell.
        """
        recorder = self._prepare()
        step = self._steps_made() if step is None else int(step)
        with recorder.guard(step), random_states(self._loaders), recorder.snapshot(step) as snapshot:
            reading = self._instances.begin()
            for batch in self._batches():
                self._add(snapshot, reading, batch)
            reading.end()
            reading = self._instances.begin_probes()
            for batch in self._probes or ():
                self._add(snapshot, reading, batch, probe=True)

    def close(self) -> None:
        """Close the files and let another callback have the directory; safe to call twice. `log` opens them anew."""
        for held in (self._recorder, self._directory):
            if held is not None:
                held.close()
        self._recorder = self._directory = None

    def _prepare(self) -> Recorder:
        model = self.model
        if model is None:
            raise ConfigurationError(
                "There is no model yet. Pass the callback to model.fit, or call set_model(model) first."
            )
        if self._recorder is not None and self._tapped is model:
            return self._recorder
        if self._tapped is not model:
            self._connect(model)
        if self._recorder is not None:
            self._recorder.close()
            self._directory = None
        directory = self._directory or RunDirectory(self._log_dir)
        self._recorder = Recorder(
            directory, self._graph, self._infos, probabilities=self._probabilities, **self._options
        )
        self._directory = None  # the recorder closes it
        return self._recorder

    def _connect(self, model: Any) -> None:
        """Find the graph, build the tap, and try both on the first batch."""
        with random_states(self._loaders):
            first = next(iter(self._data), None)
            probe = None if self._probes is None else next(iter(self._probes), None)
        if first is None:
            raise ConfigurationError("x gives no batches. Pass the evaluation data, for instance the validation split.")
        try:
            if not all(layer.built for layer in model._flatten_layers()):
                model(keras.tree.map_structure(lambda array: keras.ops.convert_to_tensor(array[:1]), first.inputs))
            recording = record_graph(model, self._data.specs, first.inputs)
            chosen = keras_tap.targets(recording, self._layers, self._reducer)
            tap = keras_tap.Tap(model, chosen, self._data.specs, eager=recording.graph.origin == "tree")
            captured = tap(first.inputs)
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConfigurationError(
                f"The model cannot be run on x, whose first batch is {described(first.inputs)}: {essence(error)} "
                "Pass x in the form that model.fit gets."
            ) from error
        if probe is not None:
            try:
                tap(probe.inputs)
            except Exception as error:
                raise ConfigurationError(
                    f"The model cannot be run on probes, whose first batch is {described(probe.inputs)}: {essence(error)} "
                    "Pass probes in the form of x."
                ) from error
        self._graph, self._infos = recording.graph, [target.info for target in chosen]
        self._probabilities = gives_probabilities(recording.graph)
        task = self._options["task"]
        self._instances = Instances(
            model, self._described, self._data, first, captured, self._class_names, task, self._probabilities
        )
        self._tap, self._tapped = tap, model

    def _batches(self) -> Any:
        if self._progress is False:
            return self._data
        try:
            from tqdm import tqdm
        except ImportError:
            return self._data
        disable = False if self._progress else None
        return tqdm(
            self._data, "ActiVis", self._data.batches, leave=False, delay=0 if self._progress else 1, disable=disable
        )

    def _add(self, snapshot: Pass, reading: Reading, batch: Batch, *, probe: bool = False) -> None:
        assert self._tap is not None
        described = reading.of(batch)
        captured = self._tap(batch.inputs)
        snapshot.add(captured.activations, probe=probe, **described, **self._instances.of(batch, captured))

    @property
    def _loaders(self) -> tuple[Any, ...]:
        return (*self._data.loaders, *(() if self._probes is None else self._probes.loaders))

    def _steps_made(self) -> int:
        made = getattr(getattr(self.model, "optimizer", None), "iterations", None)
        steps = 0 if made is None else int(np.asarray(made))
        # A model that trains by its own loop may leave its optimizer alone.
        return steps or self._epochs * int((self.params or {}).get("steps") or 1)
