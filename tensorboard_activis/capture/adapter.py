"""What a framework has to give, so that its models are recorded."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.errors import ActiVisError, ConfigurationError

#: Takes the batches of an evaluation pass, in order: `SnapshotCollector.add`.
Sink = Callable[[BatchRecord], None]


class Adapter(Protocol):
    """A model and its evaluation data, in any framework. Making it checks both, and raises ConfigurationError before training.

    Attributes:
        graph: the model's graph so far; later passes may take other paths.
        layers: the recorded layers, in the order in which they run.
        probabilities: whether the model's outputs are probabilities; None if its graph does not show it.
        first: what the first instances give, without activations, for a check before training; None if there is nothing to
            check, as where another process has the first batch.
    """

    @property
    def graph(self) -> schema.Graph: ...

    @property
    def layers(self) -> Sequence[schema.LayerInfo]: ...

    @property
    def probabilities(self) -> bool | None: ...

    @property
    def first(self) -> BatchRecord | None: ...

    def evaluate(self, sink: Sink, progress: bool | None = None) -> Sequence[str]:
        """Runs one evaluation pass, and restores the model, random states and all else that it changed.

        Arguments:
            sink: called for each batch; the pinned instances come last.
            progress: whether to show a progress bar; None: on a terminal, if the pass takes more than a second.

        Returns:
            Notes for the snapshot: what was lost or odd in this pass, in words.

        Raises:
            ActiVisError: something of the pass cannot be recorded.
        """


@contextmanager
def check_of_first_batch() -> Iterator[None]:
    """A context in which the user's own functions are called for the first time; whatever fails in it is a ConfigurationError."""
    try:
        yield
    except ConfigurationError:
        raise
    except ActiVisError as error:
        raise ConfigurationError(str(error)) from error
    except Exception as error:
        raise ConfigurationError(
            f"id=, columns=, texts= or audio= failed on the first batch: {type(error).__name__}: {error}. A function gets the "
            "batch as data yields it."
        ) from error
