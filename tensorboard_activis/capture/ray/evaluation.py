"""The evaluation of a data set as the driver sees it: parts go out to actors, contributions come back."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import ray

import tensorboard_activis
from tensorboard_activis import schema
from tensorboard_activis.capture.collector import SnapshotCollector
from tensorboard_activis.capture.graph.union import union
from tensorboard_activis.capture.progress import with_bar
from tensorboard_activis.capture.ray.actors import Actors
from tensorboard_activis.capture.ray.columns import RowBatch
from tensorboard_activis.capture.ray.duplicates import Duplicates
from tensorboard_activis.capture.ray.evaluator import Evaluated, Part, Plan, Prepared
from tensorboard_activis.capture.ray.parts import parts
from tensorboard_activis.capture.ray.rows import Rows
from tensorboard_activis.errors import ActiVisError, ConfigurationError, warn

#: Notes of parts that a snapshot shows; further ones are left out, as where every part has its own number in it.
_MOST_NOTES = 20


class Evaluation:
    """Evaluates a data set on actors: made, it has prepared them; `run` does it.

    Arguments:
        data: the data set.
        plan: what the actors are told.
        actors: the pool.

    Attributes:
        prepared: what the first batch decided.
        graph: the model's, the union of the execution paths on all actors.

    Raises:
        ConfigurationError: there are no rows, or keywords, data and model do not fit each other.
    """

    def __init__(self, data: Any, plan: Plan, actors: Actors) -> None:
        self._plan, self._actors = plan, actors
        self._said: set[str] = set()
        divided = parts(data, plan.batch_size, actors.capacity)
        first = next(divided, None)
        if first is None:
            raise ConfigurationError("data is empty; there must be at least one instance to evaluate the model on.")
        self._parts: Iterable[tuple[Part, list[Any]]] = chain([first], divided)
        self._head = _first_batch.remote(plan.batch_size, first[0], *first[1])
        self.prepared: Prepared = actors.prepare(self._head)
        if self.prepared.version != tensorboard_activis.__version__:
            raise ConfigurationError(
                f"The workers of the Ray cluster have tensorboard_activis {self.prepared.version}, and this process has "
                f"{tensorboard_activis.__version__}. Install the same version on both."
            )
        self.graph: schema.Graph = self.prepared.graph
        self._say(self.prepared.warnings)

    def run(self, collector: SnapshotCollector, progress: bool | None) -> None:
        """Evaluates all parts, and merges what they give.

        Raises:
            ActiVisError: a part failed or was lost.
        """
        collector.decide_as(self.prepared.decided)
        duplicates = Duplicates(self._plan.columns, self._plan.batch_size)
        prepared = ray.put(self.prepared)
        rows, left_out = 0, 0
        merged: set[int] = set()

        def merge(ready: Iterator[Evaluated]) -> None:
            nonlocal left_out
            for evaluated in ready:
                self._merge(collector, evaluated)
                left_out += evaluated.left_out
                merged.add(evaluated.number)

        given = 0
        for part, blocks in with_bar(self._parts, progress):
            while not self._actors.has_room:
                merge(self._actors.finished())
            given, rows = given + 1, rows + part.rows
            bound = collector.collected.sample.bound
            self._actors.begin(part, prepared, bound, self._head, duplicates.kept(part, blocks), blocks)
        merge(self._actors.finished(all_of_them=True))
        collected = collector.collected
        collected.repeated += left_out
        if merged != set(range(given)) or (
            self._plan.options["unit"] == "instance" and collected.seen + collected.repeated != rows
        ):
            raise ActiVisError(
                f"The data set had {rows:,} rows in {given:,} parts, but {collected.seen + collected.repeated:,} instances of "
                f"{len(merged):,} parts were counted. Please report this; nothing is published."
            )

    def _merge(self, collector: SnapshotCollector, evaluated: Evaluated) -> None:
        self._say(evaluated.warnings)
        if evaluated.graph is not None and evaluated.graph != self.graph:
            self.graph = union([self.graph, evaluated.graph])
        if evaluated.contribution is not None:
            collector.merge(evaluated.contribution)
            del collector.collected.notes[_MOST_NOTES:]

    def _say(self, warnings: Iterable[str]) -> None:
        for text in warnings:
            if text not in self._said:
                self._said.add(text)
                warn(text)


@ray.remote(num_cpus=0)
def _first_batch(batch_size: int, part: Part, *blocks: Any) -> RowBatch:
    """The first batch of the data set, by which the model is recorded."""
    return next(iter(Rows(blocks, part.slices, part.first, batch_size)))
