"""Evaluation passes over a Keras model: the data are settled when the callback is made, the model when it is there."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from types import FrameType
from typing import Any, TypeVar

from tensorboard_activis import schema
from tensorboard_activis.capture.exclusive import exclusively
from tensorboard_activis.capture.interrupts import within
from tensorboard_activis.capture.keras.batches import Batch
from tensorboard_activis.capture.keras.building import build, is_built
from tensorboard_activis.capture.keras.data import ArrayData, evaluation_data, pinned_data
from tensorboard_activis.capture.keras.datasets import DatasetData
from tensorboard_activis.capture.keras.fitting import argument_of_fit
from tensorboard_activis.capture.keras.forward import Captured, Forward
from tensorboard_activis.capture.keras.graph import record_graph
from tensorboard_activis.capture.keras.instances import Audio, Described, Instances, Reading, Texts
from tensorboard_activis.capture.keras.labels import Labels
from tensorboard_activis.capture.keras.metrics import EvaluationPass, ScoredForward
from tensorboard_activis.capture.keras.outputs import described, essence, gives_probabilities
from tensorboard_activis.capture.keras.states import backend_variables_restored
from tensorboard_activis.capture.keras.targets import targets
from tensorboard_activis.capture.progress import with_bar
from tensorboard_activis.capture.random_states import RandomStream, random_states
from tensorboard_activis.capture.reducers import Reducer
from tensorboard_activis.errors import ConfigurationError, warn

T = TypeVar("T")


class EvaluationData:
    """The evaluation data of a callback, and what is said of them.

    Arguments: see `ActiVisCallback`.

    Raises:
        ConfigurationError: they are empty or of no use, or do not fit each other.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        batch_size: int,
        *,
        class_names: Sequence[str] | None = None,
        task: str | None = None,
        id: Any = None,
        columns: Any = None,
        texts: Texts | None = None,
        audio: Audio | None = None,
        pinned: Any = None,
        steps: int | None = None,
    ) -> None:
        self.all: ArrayData | DatasetData
        self.all, self.pinned = _undrawn(
            (x, pinned),
            lambda: (
                evaluation_data(x, y, batch_size, steps),
                None if pinned is None else pinned_data(pinned, batch_size),
            ),
        )
        self.described = Described(self.all, id, columns, texts, audio)
        if not isinstance(self.all.labels, dict | list | tuple):
            Labels(self.all.labels, class_names, task=task)
        self.class_names, self.task = class_names, task
        self.loaders = (*self.all.loaders, *(() if self.pinned is None else self.pinned.loaders))

    def bound(self, fit: FrameType | None) -> None:
        """Take over `validation_steps` of the `fit` that runs, where nothing else says how many batches make a pass.

        That is for a data set that may have no end, and for the one that is `validation_data` as well, of which the callback
        then sees what the validation sees.

        Raises:
            ConfigurationError: `fit` reads the same generator.
        """
        validation = argument_of_fit(fit, "validation_data")
        source = self.all.source
        if self.all.read_once and any(part is source for part in (validation, argument_of_fit(fit, "x"))):
            raise ConfigurationError(
                f"x is the same {type(source).__name__} that fit reads, and a batch that one of them takes is lost to the other. "
                "Give the callback one of its own, or a data set that can be read again."
            )
        if self.all.open_ended or (source is not None and validation is source):
            self.all.bound(argument_of_fit(fit, "validation_steps"))

    def first(self) -> tuple[Batch, Batch | None, Any]:
        """The first batch, the first of the pinned instances, and the form of the model's inputs (see `DatasetData.specs`).

        Raises:
            ConfigurationError: there is none.
        """
        return _undrawn(self.loaders, self._first)

    def _first(self) -> tuple[Batch, Batch | None, Any]:
        first = next(iter(self.all), None)
        if first is None:
            raise ConfigurationError("x gives no batches. Pass the evaluation data, for instance the validation split.")
        return first, None if self.pinned is None else next(iter(self.pinned), None), self.all.specs


class KerasCapture:
    """A model and its evaluation data.

    Arguments: see `ActiVisCallback`.

    Attributes:
        model: what this is of.
        graph: of the model.
        layers: what is recorded.
        probabilities: whether the model's outputs are probabilities; None if its graph does not say so.
        results: the model's loss and metrics of the last pass, by name; none without `logs`.

    Raises:
        ConfigurationError: the model does not run on the data, or a layer is not there.
    """

    def __init__(
        self,
        model: Any,
        data: EvaluationData,
        layers: Sequence[str] | None = None,
        reducer: Reducer | Mapping[str, Reducer] | None = None,
        *,
        logs: bool = False,
    ) -> None:
        self.model = model
        self._data = data
        self._logs = logs
        self._make_scored: Callable[[], ScoredForward] | None = None
        self.results: dict[str, float] = {}
        first, pinned, specs = data.first()
        prepare = partial(self._prepare, first, pinned, specs, layers, reducer)
        exclusively(lambda: within(prepare, random_states(data.loaders), backend_variables_restored(model)))

    def _prepare(
        self,
        first: Batch,
        pinned: Batch | None,
        specs: Any,
        layers: Sequence[str] | None,
        reducer: Reducer | Mapping[str, Reducer] | None,
    ) -> None:
        model, data = self.model, self._data
        try:
            if not is_built(model):
                build(model, first.inputs)
            recording = record_graph(model, specs, first.inputs)
            chosen = targets(recording, layers, reducer)
            self.forward = Forward(model, chosen, specs, eager=recording.graph.origin == "tree")
        except ConfigurationError:
            raise
        except Exception as error:
            raise _unusable(error, "x", first, "model.fit gets") from error
        if self._logs:
            # At the first pass, when training has made the metrics.
            eager = recording.graph.origin == "tree"
            self._make_scored = cache(lambda: ScoredForward(model, chosen, specs, first, eager=eager))
        captured = self._tried(first, "x", "model.fit gets")
        if pinned is not None:
            self._tried(pinned, "pinned", "x has")
        self.graph: schema.Graph = recording.graph
        self.layers = tuple(target.info for target in chosen)
        self.probabilities = gives_probabilities(recording.graph)
        self._instances = Instances(
            model, data.described, data.all, first, captured, data.class_names, data.task, self.probabilities
        )

    def evaluate(self, add: Callable[..., None], progress: bool | None = None) -> None:
        """One evaluation pass, after which the model and all random states are as before.

        States of layers begin as training left them and go on from batch to batch, as in `model.predict`.

        Arguments:
            add: called for each batch as the recorder's `SnapshotCollector.add`.
            progress: whether to show a bar; None: on a terminal, when it takes more than a second.
        """

        def passes() -> None:
            reading = self._instances.begin()
            forward = draws.run(lambda: EvaluationPass(self.forward, self._make_scored))
            for batch in draws.each(with_bar(self._data.all, progress, self._data.all.batches)):
                self._add(add, draws, reading, batch, forward)
            reading.end(complete=not self._data.all.bounded)
            self.results = forward.results()
            if forward.error is not None:
                self._make_scored = None  # said once
                warn(
                    f"ActiVis: logs=True cannot give the model's metrics: {essence(forward.error)} Snapshots go on without; pass "
                    "validation_data to fit to have val_loss and the others."
                )
            reading, forward = self._instances.begin_pinned(), EvaluationPass(self.forward)
            for batch in draws.each(self._data.pinned or ()):
                self._add(add, draws, reading, batch, forward, pinned=True)

        draws = RandomStream(self._data.loaders)
        exclusively(lambda: within(passes, backend_variables_restored(self.model)))

    def _add(
        self,
        add: Callable[..., None],
        draws: RandomStream,
        reading: Reading,
        batch: Batch,
        forward: EvaluationPass,
        *,
        pinned: bool = False,
    ) -> None:
        facts = draws.run(lambda: reading.of(batch))
        captured = draws.run(lambda: forward(batch))
        add(captured.activations, pinned=pinned, **facts, **self._instances.of(batch, captured))

    def _tried(self, batch: Batch, name: str, form: str) -> Captured:
        try:
            return self.forward(batch.inputs)
        except ConfigurationError:
            raise
        except Exception as error:
            raise _unusable(error, name, batch, form) from error


def _undrawn(loaders: tuple[Any, ...], body: Callable[[], T]) -> T:
    """Runs the body, after which random states are as before; see `exclusively`."""
    return exclusively(lambda: within(body, random_states(loaders)))


def _unusable(error: Exception, name: str, batch: Batch, form: str) -> ConfigurationError:
    return ConfigurationError(
        f"The model cannot be run on {name}, whose first batch is {described(batch.inputs)}: {essence(error)} "
        f"Pass {name} in the form that {form}."
    )
