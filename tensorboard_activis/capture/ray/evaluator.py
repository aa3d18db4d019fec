"""What runs on an actor: it holds the model, and evaluates one part of the data at a time, each from the beginning.

Nothing of a part is left behind on the actor: its contribution is what the call returns. So a call may be repeated, on this actor
or on one that took its place, and is counted once.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import tensorboard_activis
from tensorboard_activis import schema
from tensorboard_activis.capture.collector import SnapshotCollector
from tensorboard_activis.capture.contribution import Contribution, Decided
from tensorboard_activis.capture.publication import SnapshotOptions
from tensorboard_activis.capture.ray.columns import DatasetColumns, RowBatch
from tensorboard_activis.capture.ray.models import Loaded, load
from tensorboard_activis.capture.ray.rows import Rows, Slice
from tensorboard_activis.errors import ActiVisError, ActiVisWarning, ConfigurationError


@dataclass(frozen=True)
class Plan:
    """What all actors are told.

    Attributes:
        make: makes the model.
        columns: what the columns of the data set are.
        options: the keywords, as every face has them.
        batch_size: instances per forward pass.
    """

    make: Callable[[], Any]
    columns: DatasetColumns
    options: Mapping[str, Any]
    batch_size: int


@dataclass(frozen=True)
class Part:
    """One part of the data, apart from its blocks.

    Attributes:
        number: from 0, in the order of the data set.
        first: number of its first row. slices: which rows are taken of each block.
    """

    number: int
    first: int
    slices: tuple[Slice, ...]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(stop - start for start, stop in self.slices)


@dataclass(frozen=True)
class Prepared:
    """What the first batch decides for all actors.

    Attributes:
        version: of this package on the actor.
        graph, layers, probabilities, training: as of an `Adapter`, and the training data.
        decided: what the first batch decided of task and content.
        warnings: for the user.
    """

    version: str
    graph: schema.Graph
    layers: tuple[schema.LayerInfo, ...]
    probabilities: bool | None
    training: schema.Training | None
    decided: Decided
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluated:
    """What a part gives.

    Attributes:
        number: of the part.
        contribution: to the snapshot; None if all of its rows are left out.
        left_out: rows whose id came before.
        graph: of the model, as far as this actor knows it.
        warnings: for the user.
    """

    number: int
    contribution: Contribution | None
    left_out: int = 0
    graph: schema.Graph | None = None
    warnings: tuple[str, ...] = ()


class Evaluator:
    """The actor. Its model is made at the first call, so that an error there is that of a call.

    It is made without arguments, and gets the plan with every call: Ray must be able to make it again.
    """

    def __init__(self) -> None:
        self._loaded: Loaded | None = None

    def prepare(self, plan: Plan, head: RowBatch) -> Prepared:
        """Makes the model, records it, and decides by the first batch.

        Raises:
            ConfigurationError: keywords, data and model do not fit each other.
        """
        with _warnings() as said:
            try:
                loaded = self._load(plan, head)
                collector = SnapshotCollector(replace(_options(plan, loaded), layers=()), 0)
                loaded.source.batches = [head]
                loaded.adapter.of_part(None, pinned=False)
                loaded.adapter.evaluate(collector.add, False)
            except ConfigurationError:
                raise
            except ActiVisError as error:
                raise ConfigurationError(str(error)) from error
        adapter = loaded.adapter
        return Prepared(
            tensorboard_activis.__version__,
            adapter.graph,
            tuple(adapter.layers),
            adapter.probabilities,
            loaded.training,
            collector.decided,
            tuple(said),
        )

    def evaluate(
        self,
        plan: Plan,
        part: Part,
        prepared: Prepared,
        bound: np.uint64 | None,
        head: RowBatch,
        kept: np.ndarray | None,
        *blocks: Any,
    ) -> Evaluated:
        """Evaluates a part of the data, with nothing left of other parts.

        Arguments:
            prepared: what was decided on the first actor.
            bound: hashes from here on are in no sample; None: all may be.
            head: the first batch of the data set, by which the model is recorded.
            kept: which rows are not left out, bool [rows]; None: all are kept.
            blocks: of the part.
        """
        left_out = 0 if kept is None else int(np.count_nonzero(~kept))
        if left_out == part.rows:
            return Evaluated(part.number, None, left_out)
        with _warnings() as said:
            loaded = self._load(plan, head)
            adapter = loaded.adapter
            if tuple(adapter.layers) != prepared.layers:
                raise ActiVisError(
                    "The actors have recorded different layers of the model, so their statistics cannot be merged. model= must "
                    "make the same model on all of them."
                )
            collector = SnapshotCollector(_options(plan, loaded), 0, bound=bound)
            collector.decide_as(prepared.decided)
            loaded.source.batches = Rows(blocks, part.slices, part.first, plan.batch_size, kept, names=list(head))
            adapter.of_part(bound, pinned=part.number == 0)
            notes = tuple(adapter.evaluate(collector.add, False))
            loaded.source.batches = []
            contribution = collector.contribution().with_notes(notes)
        graph = None if adapter.graph == prepared.graph else adapter.graph
        return Evaluated(part.number, contribution, left_out, graph, tuple(said))

    def _load(self, plan: Plan, head: RowBatch) -> Loaded:
        if self._loaded is None:
            plan.columns.check(list(head))
            self._loaded = load(plan.make, plan.columns, head, plan.options)
        return self._loaded


def _options(plan: Plan, loaded: Loaded) -> SnapshotOptions:
    options, adapter = plan.options, loaded.adapter
    return SnapshotOptions.of(
        options,
        adapter.layers,
        positions=options["positions"],
        probabilities=adapter.probabilities,
        unit=options["unit"],
        convert=loaded.convert,
        training=loaded.training,
    )


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collects our own warnings, which the driver gives; others stay with the actor."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ActiVisWarning)
        yield said
    said += [str(each.message) for each in caught]
