"""The Flax NNX logger: records the activations of a model on evaluation data while it trains.

from tensorboard_activis.flax import ActiVisLogger

with ActiVisLogger("logs/run1", model, (images, labels), class_names=names) as activis:
    for epoch in range(epochs):
        train(model)
        activis.log(epoch)
"""

import os
from collections.abc import Callable
from typing import Any, Unpack

from flax import nnx

from tensorboard_activis import schema
from tensorboard_activis.alerts.published import after_snapshot
from tensorboard_activis.capture.face import with_options
from tensorboard_activis.capture.flax.capture import FlaxCapture
from tensorboard_activis.capture.isolation.exclusive import exclusively
from tensorboard_activis.capture.layer_table import Layers
from tensorboard_activis.capture.logger import Logger
from tensorboard_activis.capture.options import RecorderOptions, SharedOptions, options_of
from tensorboard_activis.capture.recorder import Recorder

__all__ = ["ActiVisLogger"]


@with_options(SharedOptions)
class ActiVisLogger(Logger):
    """Logs the activations of a Flax NNX model's neurons on evaluation data, for TensorBoard's ActiVis tab.

    The model runs in evaluation mode, compiled, on a copy of its state: its parameters, statistics and random numbers are the same
    with and without the logger.

    Arguments:
        log_dir: the run's directory, such as `logs/run1`; what is logged goes to `activis` inside it.
        model: in any mode, on any device; its `__call__` is the forward pass. Of its arguments, `train` and `training` are False
            and `deterministic` is True, unless the data give them by name.
        data: the evaluation data: (inputs, labels) as whole arrays, or an iterable of batches that can be iterated repeatedly,
            such as a list or a data loader. A batch is (inputs, labels), a dict (labels under `labels` or `label`, the rest by name
            to the model's call), or inputs alone. Labels are class indices, names from `class_names`, or real numbers for
            regression.
        unpack: for batches of any other form, a function of the batch that returns (inputs, labels).
        texts: a function of a batch that returns one text, or a list of words, per instance.

    Attributes:
        layers: the recorded layers, in the order in which they run, a sequence; printed, a table of all that can be recorded.
        graph: the model's graph, as JAX traces it.

    Raises:
        ConfigurationError: an argument is wrong, or does not fit the model or the data. Raised before training, never by `log`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        model: nnx.Module,
        data: Any,
        *,
        unpack: Callable[[Any], tuple[Any, Any]] | None = None,
        texts: Callable[[Any], Any] | None = None,
        **options: Unpack[SharedOptions],
    ) -> None:
        def prepare() -> None:
            directory = self._open_directory(log_dir)
            self._capture = capture = FlaxCapture(model, data, options, unpack=unpack, texts=texts)
            self._recorder = Recorder(
                directory,
                capture.graph,
                capture.layers,
                probabilities=capture.probabilities,
                strict=options["strict"],
                on_published=after_snapshot(options),
                **options_of(RecorderOptions, options),
            )
            self._recorder.check(capture.first)
            capture.first = None

        super().__init__(lambda: exclusively(prepare))
        self._progress = options["progress"]
        self.layers = Layers(self._capture.layers, self._capture.selection)
        self.graph: schema.Graph = self._capture.graph

    def log(self, step: int) -> None:
        """Evaluates the model and writes a snapshot for this step, which replaces what was logged at it or at a higher one.

        An error becomes one warning that says what is lost, and nothing is written (`strict=True` raises it).
        """
        recorder = self._recorder
        assert recorder is not None
        exclusively(lambda: recorder.log(self._capture, step, self._progress))
