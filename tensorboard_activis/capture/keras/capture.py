"""Evaluates a Keras model on the evaluation data and gives the activations of the chosen layers, batch by batch."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from types import FrameType
from typing import Any, TypeVar

import keras
import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.adapter import Sink
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.graph.outputs import OutputFlow
from tensorboard_activis.capture.graph.probabilities import ends_in_probabilities
from tensorboard_activis.capture.isolation.exclusive import exclusively
from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.isolation.random_states import RandomStream, random_states
from tensorboard_activis.capture.keras.attention.patterns import kept_patterns
from tensorboard_activis.capture.keras.data.batches import Batch
from tensorboard_activis.capture.keras.data.datasets import DatasetData
from tensorboard_activis.capture.keras.data.evaluation_data import ArrayData, evaluation_data, pinned_data
from tensorboard_activis.capture.keras.data.fitting import fit_argument
from tensorboard_activis.capture.keras.data.outputs import describe, short_message
from tensorboard_activis.capture.keras.data.training_data import read_training_data
from tensorboard_activis.capture.keras.depth.blocks import last_blocks
from tensorboard_activis.capture.keras.depth.tail import PLACES, tail_of
from tensorboard_activis.capture.keras.forward import Captured, Forward
from tensorboard_activis.capture.keras.graph.recording import record_graph
from tensorboard_activis.capture.keras.instances import (
    InstanceDescription,
    InstanceReader,
    MetadataReader,
    Texts,
)
from tensorboard_activis.capture.keras.metrics import EvaluationPass, ScoredForward
from tensorboard_activis.capture.keras.model.building import build, is_built
from tensorboard_activis.capture.keras.model.states import backend_variables_restored
from tensorboard_activis.capture.keras.position_recorder import PositionRecorder, without_positions
from tensorboard_activis.capture.keras.rerun import KerasRerun, effect_plan
from tensorboard_activis.capture.keras.targets import select, targets
from tensorboard_activis.capture.options import KerasOptions
from tensorboard_activis.capture.possible_instances import bound_of
from tensorboard_activis.capture.progress import with_bar
from tensorboard_activis.capture.tasks.labels import Labels
from tensorboard_activis.errors import ConfigurationError, warn

T = TypeVar("T")


class EvaluationData:
    """The evaluation data of a callback, the pinned instances, and the instance metadata.

    Arguments: see `ActiVisCallback`; all of `options` are there.

    Raises:
        ConfigurationError: the data are empty or cannot be used, or the arguments do not fit each other.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        batch_size: int,
        options: KerasOptions,
        *,
        texts: Texts | None = None,
        steps: int | None = None,
    ) -> None:
        pinned = options["pinned"]
        self.all: ArrayData | DatasetData
        self.all, self.pinned = _with_random_states_restored(
            (x, pinned),
            lambda: (
                evaluation_data(x, y, batch_size, steps),
                None if pinned is None else pinned_data(pinned, batch_size),
            ),
        )
        self.described = InstanceDescription(self.all, options, texts)
        if options.get("train_data") is not None:
            self.described.metadata.training = read_training_data(options["train_data"], batch_size)
        if not isinstance(self.all.labels, dict | list | tuple):
            Labels(options["class_names"], self.all.labels, task=options["task"], positions=options["task"] == "tokens")
        self.loaders = (*self.all.loaders, *(() if self.pinned is None else self.pinned.loaders))

    def limit_steps(self, fit: FrameType | None) -> None:
        """Takes `validation_steps` of the running `fit` as the number of batches per pass, if `steps` is not set.

        For a data set that may be endless, and for one that is also `validation_data`: the callback then reads the same batches
        as the validation.

        Raises:
            ConfigurationError: `fit` reads the same generator.
        """
        validation = fit_argument(fit, "validation_data")
        source = self.all.source
        if self.all.read_once and any(part is source for part in (validation, fit_argument(fit, "x"))):
            raise ConfigurationError(
                f"x is the same {type(source).__name__} that fit reads, and a batch that one of them takes is lost to the other. "
                "Give the callback one of its own, or a data set that can be read again."
            )
        if self.all.may_be_endless or (source is not None and validation is source):
            self.all.limit_steps(fit_argument(fit, "validation_steps"))

    def first(self) -> tuple[Batch, Batch | None, Any]:
        """The first batch, the first batch of pinned instances or None, and the specs of the inputs (see `DatasetData.specs`).

        Raises:
            ConfigurationError: there is no batch.
        """
        return _with_random_states_restored(self.loaders, self._first)

    def _first(self) -> tuple[Batch, Batch | None, Any]:
        first = next(iter(self.all), None)
        if first is None:
            raise ConfigurationError("x gives no batches. Pass the evaluation data, for instance the validation split.")
        return first, None if self.pinned is None else next(iter(self.pinned), None), self.all.specs


class KerasCapture:
    """Captures the layers of a Keras model on its evaluation data.

    Arguments: see `ActiVisCallback`.

    Attributes:
        model: the Keras model.
        graph: its graph.
        layers: the recorded layers, in the order in which they run.
        selection: what they were selected from.
        probabilities: whether the model's outputs are probabilities; None if the graph does not show it.
        first: what the first batch gives, for a check before training.
        effects: what is measured of errors; None: nothing.
        results: loss and metrics of the last pass, by name; empty without `logs`.

    Raises:
        ConfigurationError: the model does not run on the data, or `layers` matches no layer.
    """

    def __init__(
        self,
        model: Any,
        data: EvaluationData,
        options: KerasOptions,
        *,
        logs: bool = False,
    ) -> None:
        self.model = model
        self._data, self._options = data, options
        self._logs = logs
        self._make_scored: Callable[[], ScoredForward] | None = None
        self.results: dict[str, float] = {}
        self.effects = effect_plan(options)
        #: The highest hash in the sample of the pass before.
        self._highest: np.uint64 | None = None
        #: Of passes over parts of the data: which hashes cannot be in the sample, and whether pinned instances come with it.
        self._elsewhere: np.uint64 | None = None
        self._in_parts, self._with_pinned = False, True
        first, pinned, specs = data.first()
        prepare = partial(self._prepare, first, pinned, specs)
        exclusively(lambda: within(prepare, random_states(data.loaders), backend_variables_restored(model)))

    def _prepare(
        self,
        first: Batch,
        pinned: Batch | None,
        specs: Any,
    ) -> None:
        model, data, options = self.model, self._data, self._options
        try:
            if not is_built(model):
                build(model, first.inputs)
            _check_number(model, first)
            recording = record_graph(model, specs, first.inputs)
            self.selection = select(recording, options["layers"])
            chosen = targets(recording, self.selection.names, options["reducer"])
            eager, positions = recording.graph.origin == "tree", options["positions"]
            self._row = last_blocks(recording) if options["depth"] else None
            tail = None if self._row is None or self._row.problem else tail_of(model, self._row.keys)
            self._has_tail = tail is not None
            self.forward = Forward(model, chosen, specs, eager=eager, positions=positions, tail=tail)
            self._pinned_forward = self.forward
            if data.pinned is not None:
                self._pinned_forward = Forward(
                    model, chosen, specs, eager=eager, positions=positions, pinned=True, tail=tail
                )
        except ConfigurationError:
            raise
        except Exception as error:
            raise _unusable_error(error, "x", first, "model.fit gets") from error
        if self._logs:
            # Called in the first pass: the metrics are created when training starts.
            self._make_scored = cache(
                lambda: ScoredForward(model, chosen, specs, first, eager=eager, positions=positions > 0, tail=tail)
            )
        captured = self._try_forward(self.forward, first, "x", "model.fit gets")
        if pinned is not None:
            self._try_forward(self._pinned_forward, pinned, "pinned", "x has")
        self.graph: schema.Graph = recording.graph
        self.layers = tuple(target.info for target in chosen)
        self._rerun = KerasRerun(
            model, chosen, lambda outputs, count: self._instances.score.of(outputs, count), data.loaders
        )
        self._unplaced = without_positions(self.layers, captured.positions) if positions else []
        flow = OutputFlow(recording.graph)
        self._instances = InstanceReader(model, data.described, data.all, first, captured, options, flow)
        node = self._instances.score.node
        self.probabilities = None if node is None else ends_in_probabilities(recording.graph, node)
        self._depth = self._instances.depth_reader(self._row, tail, self.probabilities)
        if self._instances.problem:
            warn(f"ActiVis: {self._instances.problem}")
        self.first: BatchRecord | None = self._instances.first(first, captured)

    def of_part(self, highest: np.uint64 | None, *, pinned: bool) -> None:
        """Has the next pass be over one part of the data among several.

        Arguments:
            highest: higher hashes cannot be in the sample; None: any may.
            pinned: whether it is the part that the pinned instances come with.
        """
        self._in_parts, self._highest, self._elsewhere, self._with_pinned = True, None, highest, pinned

    def evaluate(self, sink: Sink, progress: bool | None = None) -> Sequence[str]:
        """Runs one evaluation pass, then restores the model and all random states.

        States of layers start with their values in training and are carried from batch to batch, as in `model.predict`.

        Arguments:
            sink: called for each batch; the pinned instances come last.
            progress: whether to show a progress bar; None: on a terminal, when the pass takes more than a second.
        """

        def passes() -> None:
            metadata_reader, positions = self._instances.metadata_reader(), self._position_recorder()
            forward = random_stream.run(lambda: EvaluationPass(self.forward, self._make_scored))
            for batch in random_stream.each(with_bar(self._data.all, progress, self._data.all.batches)):
                self._add(sink, random_stream, metadata_reader, batch, forward, positions)
            metadata_reader.end(complete=not self._data.all.bounded)
            self.results = forward.results()
            if forward.error is not None:
                self._make_scored = None  # so that the warning comes once
                warn(
                    f"ActiVis: logs=True cannot give the model's metrics: {short_message(forward.error)} Snapshots are logged "
                    "all the same; pass validation_data to fit to have val_loss and the others."
                )
            self._highest = None if self._in_parts else positions.highest_of_sample()
            metadata_reader, forward = self._instances.pinned_metadata_reader(), EvaluationPass(self._pinned_forward)
            for batch in random_stream.each((self._data.pinned if self._with_pinned else None) or ()):
                self._add(sink, random_stream, metadata_reader, batch, forward, positions, pinned=True)

        random_stream = RandomStream(self._data.loaders)
        exclusively(lambda: within(passes, backend_variables_restored(self.model)))
        depth = [] if self._depth is None else self._depth.new_notes()
        return [*self.selection.notes, *self._instances.score.notes, *self._unplaced, *depth]

    def _add(
        self,
        sink: Sink,
        random_stream: RandomStream,
        metadata_reader: MetadataReader,
        batch: Batch,
        forward: EvaluationPass,
        positions: PositionRecorder,
        *,
        pinned: bool = False,
    ) -> None:
        metadata = random_stream.run(lambda: metadata_reader.read(batch))
        size = forward.size(batch.instances)
        wanted = dict((None if pinned else positions.ask(metadata.ids, batch.instances, size)) or {})
        labels = self._instances.labels(batch)
        if self._has_tail:
            zeros = np.zeros(size, np.int32)
            places = zeros if self._depth is None else self._depth.places(labels, batch.instances, size)
            wanted[PLACES] = places
        captured = random_stream.run(lambda: forward(batch, wanted))
        found = positions.read(captured.positions, captured.activations, pinned=pinned)
        record = self._instances.record(batch, metadata, captured, pinned=pinned)
        if self.effects is not None and not pinned:
            record = replace(record, repeatable=self._rerun.repeatable(batch.inputs))
        if self._depth is not None:
            own = self._instances.score.of(captured.outputs, batch.instances)
            record = replace(record, depth=self._depth.read(captured.depth, own, labels, batch.instances))
        record = replace(record, patterns=kept_patterns(captured.patterns))
        sink(self._instances.with_positions(record, batch, captured, found))

    def _position_recorder(self) -> PositionRecorder:
        options, sample = self._options, self._options["sample"]
        bound, ids = self._highest, None
        if self._data.all.by_position:
            ids = self._data.described.metadata.ids_by_position(self._data.all.instances)
        if ids is not None and sample is not None:
            bound = bound_of(ids[: self._data.all.instances], sample)
        return PositionRecorder(options["positions"], sample, bound, self._elsewhere)

    def _try_forward(self, forward: Forward, batch: Batch, name: str, form: str) -> Captured:
        try:
            return forward(batch.inputs)
        except ConfigurationError:
            raise
        except Exception as error:
            raise _unusable_error(error, name, batch, form) from error


def _with_random_states_restored(loaders: tuple[Any, ...], body: Callable[[], T]) -> T:
    """Runs the body and restores the random states; see `exclusively`."""
    return exclusively(lambda: within(body, random_states(loaders)))


def _check_number(model: Any, batch: Batch) -> None:
    """Raises ConfigurationError if there are more inputs than the model has, as for (x, y): a Sequential model ignores them."""
    given, known = batch.inputs, len(getattr(model, "inputs", None) or ())
    if isinstance(given, (list, tuple)) and 0 < known < len(keras.tree.flatten(given)):
        raise ConfigurationError(
            f"x holds {len(keras.tree.flatten(given))} inputs, {describe(given)}, and the model has {known}. Labels are an "
            "argument of their own: ActiVisCallback(log_dir, x, y)."
        )


def _unusable_error(error: Exception, name: str, batch: Batch, form: str) -> ConfigurationError:
    labels = " Labels are an argument of their own: ActiVisCallback(log_dir, x, y)." if batch.labels is None else ""
    return ConfigurationError(
        f"The model cannot be run on {name}, whose first batch is {describe(batch.inputs)}: {short_message(error)} "
        f"Pass {name} in the form that {form}.{labels}"
    )
