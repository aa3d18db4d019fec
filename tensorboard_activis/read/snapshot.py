"""Reads one snapshot lazily: arrays are memory-mapped and tables read on first use."""

from collections.abc import Callable, Collection, Hashable, Sequence
from functools import cached_property, wraps
from typing import Literal, Protocol, Self, TypeVar, TypeVarTuple, cast

import numpy as np
import pyarrow as pa

from tensorboard_activis import codec, schema
from tensorboard_activis.class_statistics import FIELDS, unpack
from tensorboard_activis.errors import ExpressionError, NotFoundError, QueryError
from tensorboard_activis.expression.evaluation import Check, Evaluation
from tensorboard_activis.expression.predicate import compile_expression
from tensorboard_activis.read.array_file import ArrayFile
from tensorboard_activis.read.arrays import ArrayFiles, check_array, read_array
from tensorboard_activis.read.content import array_files, content_digest, named_files
from tensorboard_activis.read.effects import GradientEffects, TriedEffects, read_gradient_effects, read_tried_effects
from tensorboard_activis.read.instances import read_instances, with_predictions
from tensorboard_activis.read.patterns import Pattern, read_pattern
from tensorboard_activis.read.positions import LayerPositions
from tensorboard_activis.read.summary_arrays import SummaryArrays
from tensorboard_activis.read.thinned import find_remains
from tensorboard_activis.stores.path import Location

Value = TypeVar("Value")
Arguments = TypeVarTuple("Arguments")
#: Values of all four statistics of classes that are unpacked at once: two gigabytes.
_MOST_UNPACKED = 1 << 29


class Source(Protocol):
    """Where a deferred reader has its snapshot from."""

    def record(self) -> schema.Snapshot:
        """The decoded snapshot. Raises UnreadableError."""

    def digest(self) -> str:
        """Digest of the content now, see `content_digest`."""


class SnapshotReader:
    """One snapshot: what was recorded of a model at one step. All [instances, …] arrays have the same order of instances.

    First come the `record.sample_size` instances of the sample, in hash order, then the pinned ones: `stored_instances` in all.
    Statistics are over the sample.

    Args:
        record: the decoded snapshot.
        directory: where its files lie.
    """

    _source: "Source | None" = None

    def __init__(self, record: schema.Snapshot, directory: Location) -> None:
        self.record = record
        self.step = record.step
        self._directory = directory
        #: What `once_per_snapshot` computed, by function and arguments.
        self.computed: dict[tuple[Hashable, ...], object] = {}

    @classmethod
    def deferred(cls, step: int, directory: Location, source: "Source", digest: str | None = None) -> Self:
        """A reader whose record is loaded and decoded on first use, for questions that look at few of many steps.

        Arguments:
            source: what it raises is raised where the record is used.
            digest: of the content; None: that of the source, on first use.
        """
        reader = cls.__new__(cls)
        reader.step, reader._directory, reader._source, reader.computed = step, directory, source, {}
        if digest is not None:
            reader.digest = digest
        return reader

    @cached_property
    def record(self) -> schema.Snapshot:
        """The decoded snapshot. Raises UnreadableError where a deferred one cannot be loaded."""
        assert self._source is not None
        return self._source.record()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was lost or odd when it was recorded, in words."""
        return tuple(self.record.notes)

    @cached_property
    def digest(self) -> str:
        """Digest of the content when first asked for (`content_digest`): of caches and ETags. Other content has another reader."""
        if self._source is not None:
            return self._source.digest()
        return content_digest(self.record_digest, self._directory, named_files(self.record))

    def same_instances(self, other: "SnapshotReader") -> bool:
        """Whether both read their instances from the same files, so that equal indices are equal instances."""
        same = self._directory == other._directory and self.record.instances == other.record.instances
        return same and self.stored_instances == other.stored_instances

    @cached_property
    def record_digest(self) -> str:
        """Digest of the record alone, without its files."""
        return self.record.digest or codec.digest_of(codec.encode_snapshot(self.record))

    @property
    def remains(self) -> ArrayFile | None:
        """Of a thinned snapshot the file that stands in for the removed ones (`read/thinned.py`); else None."""
        return find_remains(self._directory, self._array_files)

    @cached_property
    def _array_files(self) -> tuple[str, ...]:
        return array_files(self.record)

    @property
    def stored_instances(self) -> int:
        """Number of kept instances: the sample and the pinned instances."""
        return self.record.stored_instances

    @cached_property
    def layers(self) -> dict[str, schema.Layer]:
        """The recorded layers by name, in the order in which they ran."""
        return {layer.info.name: layer for layer in self.record.layers}

    def layer(self, name: str) -> schema.Layer:
        """One recorded layer.

        Raises:
            NotFoundError: no layer of this name was recorded.
        """
        if name not in self.layers:
            raise NotFoundError(
                f"The layer {name!r:.80} was not recorded at step {self.step}. Recorded are: {_few(list(self.layers))}."
            )
        return self.layers[name]

    def activations(self, layer: str) -> np.ndarray:
        """The activations of the kept instances in a layer, float16 [instances, neurons], read-only; memory-mapped when large.

        Raises:
            NotFoundError: no layer of this name was recorded.
            UnreadableError: a file is missing or damaged.
        """
        return read_array(self._directory, self.layer(layer).activations)

    def check_activations(self, layer: str) -> None:
        """Checks that the activations of a layer exist, without reading them. Raises UnreadableError, NotFoundError."""
        check_array(self._directory, self.layer(layer).activations)

    def summary(self, layer: str, subsets: int | None = None) -> SummaryArrays:
        """The layer's statistics over every declared subset, or over the first `subsets`; the very first is all instances.

        Raises:
            NotFoundError: no layer of this name was recorded.
            UnreadableError: a file is missing or damaged.
        """
        summary = self.layer(layer).summary
        if summary.classes is not None:
            return self.summary_of(layer, range(len(self._subsets[:subsets])))
        fields = (summary.count, summary.mean, summary.std, summary.min, summary.max)
        files: ArrayFiles = {}
        return SummaryArrays(
            self._subsets[:subsets], *(read_array(self._directory, field, subsets, files) for field in fields)
        )

    def summary_of(self, layer: str, subsets: Sequence[int], wanted: Collection[str] = FIELDS) -> SummaryArrays:
        """As `summary`, of the subsets at these positions, in this order; nothing is read or unpacked for the others.

        Of packed statistics, those that are not `wanted` may be NaN.

        Raises as `summary`, and QueryError where the statistics of classes are too many to unpack at once.
        """
        summary, files = self.layer(layer).summary, ArrayFiles()
        positions = np.asarray(subsets, np.int64)

        def rows(array: schema.Array, places: np.ndarray) -> np.ndarray:
            chosen: np.ndarray = read_array(self._directory, array, None, files)[places]
            return chosen

        names = tuple(self._subsets[position] for position in positions)
        count = rows(summary.count, positions)
        count = count.astype(np.int64) if count.dtype == np.int32 else count
        fields = (summary.mean, summary.std, summary.min, summary.max)
        if summary.classes is None or summary.scales is None:
            return SummaryArrays(names, count, *(rows(field, positions) for field in fields))
        shape = (positions.size, summary.classes.shape[1])
        if 4 * shape[0] * shape[1] > _MOST_UNPACKED:
            raise QueryError(
                f"{shape[0]:,} subsets times {shape[1]:,} neurons are too many to unpack at once; at most {_MOST_UNPACKED // 4:,} "
                "values of each statistic are. Ask for fewer subsets."
            )
        is_class, place = self._places
        packed = is_class[positions]
        scales = read_array(self._directory, summary.scales, None, files)
        unpacked = unpack(rows(summary.classes, place[positions[packed]]), scales, count[packed] > 0, wanted)
        if packed.all():
            return SummaryArrays(names, count, *unpacked)
        arrays = [np.empty(shape, np.float32) for _ in fields]
        for array, field, values in zip(arrays, fields, unpacked, strict=True):
            array[packed] = values
            array[~packed] = rows(field, place[positions[~packed]])
        return SummaryArrays(names, count, *arrays)

    def is_packed(self, layer: str, subset: int) -> bool:
        """Whether the statistics of the subset at this position were rounded to be stored in few bits. Raises NotFoundError."""
        return self.layer(layer).summary.classes is not None and bool(self._places[0][subset])

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """Per subset whether it is of a class, and its row among those that are, or that are not: bool and int64 [subsets]."""
        is_class = np.array([subset.kind == "class" for subset in self.record.subsets], bool)
        return is_class, np.where(is_class, np.cumsum(is_class), np.cumsum(~is_class)) - 1

    @cached_property
    def subset_positions(self) -> dict[str, int]:
        """The index of each declared subset in the summaries, by name; of several with the same name the first."""
        return dict(zip(reversed(self._subsets), reversed(range(len(self._subsets))), strict=True))

    @cached_property
    def _subsets(self) -> tuple[str, ...]:
        return tuple(subset.name for subset in self.record.subsets)

    def depth_array(self, name: Literal["top", "score", "rank", "label", "right"]) -> np.ndarray:
        """One array of prediction by depth; see `schema.Depth`.

        Raises:
            NotFoundError: there is no prediction by depth.
            UnreadableError: a file is missing or damaged.
        """
        if self.record.depth is None:
            raise NotFoundError(f"Step {self.step} has no prediction by depth; it is recorded unless depth=False.")
        return read_array(self._directory, getattr(self.record.depth, name))

    def gradient_effects(self, layer: str) -> GradientEffects:
        """How the neurons of a layer act on the margin of kept wrong instances, by gradients: `effects="gradients"`.

        Raises:
            NotFoundError: no such layer, or its effects were not recorded.
            UnreadableError: a file is missing or damaged.
        """
        return read_gradient_effects(self._directory, self.record, self.layer(layer), self.activations(layer))

    def tried_effects(self, layer: str) -> TriedEffects:
        """What became of the surest errors when a layer's strongest neurons were set to their mean: `effects="tried"`.

        Raises as `gradient_effects`.
        """
        return read_tried_effects(self._directory, self.record, self.layer(layer))

    def column(self, name: str) -> np.ndarray:
        """One column that changes from step to step, as an array [instances, …]: see `schema.Snapshot.columns`.

        Raises:
            NotFoundError: there is no such column.
        """
        if name not in self.record.columns:
            raise NotFoundError(
                f"There is no column {name!r:.80} at step {self.step}. There are: {_few(list(self.record.columns))}."
            )
        return read_array(self._directory, self.record.columns[name])

    @cached_property
    def instances(self) -> pa.Table:
        """The table of kept instances: id, label, content and user columns, then prediction, correct, score, loss, label_score.

        Raises:
            UnreadableError: a file is missing or damaged.
        """
        columns = {name: self.column(name) for name in self.record.columns}
        return with_predictions(self._table, columns, self.record.class_names)

    @cached_property
    def _table(self) -> pa.Table:
        """The columns that are equal at every step; cached, so that other steps share the table."""
        return read_instances(self._directory, self.record)

    @property
    def table_bytes(self) -> int:
        """Bytes of the tables that were read so far; a table that steps share is counted by each."""
        table: pa.Table | None = self.__dict__.get("instances", self.__dict__.get("_table"))
        return 0 if table is None else int(table.nbytes)

    def neuron(self, layer: str, index: int) -> np.ndarray:
        """The activations of one neuron, float16 [instances].

        Raises:
            NotFoundError: the layer was not recorded, or has fewer neurons.
        """
        activations = self.activations(layer)
        if not 0 <= index < activations.shape[1]:
            raise NotFoundError(f"{layer} has neurons 0 to {activations.shape[1] - 1}; got {index}.")
        return activations[:, index]

    def position_sizes(self, layer: str) -> tuple[int, ...]:
        """Sizes of the axes of a layer's positions, such as (12, 12) for a map; (-1,) for a sequence whose length differs.

        () where the layer has none, or they were not recorded.

        Raises:
            NotFoundError: no layer of this name was recorded.
        """
        positions = self.layer(layer).positions
        return () if positions is None else positions.sizes

    def peaks(self, layer: str) -> np.ndarray:
        """Where each neuron is most active, int32 [instances, neurons]: the position of its largest value, -1 for none.

        Positions of a sequence are counted from 0 over the instance's own tokens, without padding; those of a map are indices
        into its sizes, row-major.

        Raises:
            NotFoundError: no such layer, or no positions were recorded for it.
            UnreadableError: a file is missing or damaged.
        """
        return self.positions(layer).peaks()

    def strongest(self, layer: str, neuron: int) -> pa.Table:
        """A neuron's strongest kept instances, largest activation first, and where in them it is active.

        Returns:
            A table: `row` (index), `id`, `value` (the recorded activation), `peak` (position of the largest value), `start`
            (sequences only: first position of the window), `values` (float32, one per position of the window or the stored
            map, nested by axis).

        Raises:
            NotFoundError: no such layer or neuron, or no positions were recorded for it.
            UnreadableError: a file is missing or damaged.
        """
        maps = self.positions(layer).strongest(neuron)
        return maps.table(self.instances["id"], self.activations(layer)[:, neuron])

    def map(self, layer: str, row: int) -> np.ndarray:
        """All neurons at all positions of a pinned instance, float32 [*stored sizes, neurons]; NaN where there is no value.

        Raises:
            NotFoundError: no such layer or instance, no positions were recorded, or the instance is not pinned.
            UnreadableError: a file is missing or damaged.
        """
        return self.positions(layer).map(row)

    def attention(self, layer: str, row: int) -> Pattern:
        """Where the heads of a layer, such as "h.0.attn/heads", look on a pinned instance: `shares`, float32 [heads, from, to].

        Raises NotFoundError (no such layer, no patterns, not pinned) and UnreadableError.
        """
        return read_pattern(self._directory, self.layer(layer), self.step, self.record.sample_size, row)

    def positions(self, layer: str) -> LayerPositions:
        """The recorded positions of a layer. Raises NotFoundError and UnreadableError as `peaks`."""
        return LayerPositions(
            self._directory, self.layer(layer), self.step, self.stored_instances, self.record.sample_size
        )

    def where(self, expression: str, prefix: int | None = None) -> np.ndarray:
        """Evaluates an expression over the kept instances: a mask, bool [instances]. `neuron(layer, index)` may be used in it.

        With `prefix`, only over the first `prefix` instances: bool [prefix].

        Raises:
            ExpressionError: the expression is not in the language, or does not fit the columns and layers.
        """
        return self.evaluation(expression, prefix).whole()

    def evaluation(self, expression: str, prefix: int | None = None, check: Check = lambda: None) -> Evaluation:
        """Compiles an expression; the result is evaluated as a whole or in parts. `check` is called meanwhile, and may raise.

        Raises ExpressionError as `where`, and NotFoundError and UnreadableError where a neuron's activations are needed.
        """
        table = self.instances if prefix is None else self.instances.slice(0, prefix)
        types = dict(zip(table.schema.names, table.schema.types, strict=True))

        def values(layer: str, index: int) -> np.ndarray:
            try:
                return self.neuron(layer, index)[:prefix]
            except NotFoundError as error:
                raise ExpressionError(str(error)) from error

        predicate = compile_expression(expression, types, neurons=True, check=check)
        return predicate.evaluation(table, values, check)


def once_per_snapshot(
    function: Callable[[SnapshotReader, *Arguments], Value],
) -> Callable[[SnapshotReader, *Arguments], Value]:
    """A decorator: the function computes its value once for each reader and arguments, and returns the same one from then on.

    For small values that many requests need. Callers must not change them. Errors are raised again each time.
    """

    @wraps(function)
    def computed_once(snapshot: SnapshotReader, *arguments: *Arguments) -> Value:
        key = (function, *arguments)
        if key not in snapshot.computed:
            snapshot.computed[key] = function(snapshot, *arguments)
        return cast(Value, snapshot.computed[key])

    return computed_once


def _few(names: list[str]) -> str:
    shown = ", ".join(name[:80] for name in names[:20])
    return (shown or "none") + (", …" if len(names) > 20 else "")
