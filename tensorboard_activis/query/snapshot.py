"""A snapshot in Python: the queries of the tab as methods, which return the same dataclasses as the HTTP routes."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.query.contract import Records
from tensorboard_activis.query.findings.finding import Finding, Findings
from tensorboard_activis.query.findings.search import search
from tensorboard_activis.query.instances import column_statistics, content, export, groups
from tensorboard_activis.query.instances.classes import index_of_id
from tensorboard_activis.query.instances.shared import shared_instances
from tensorboard_activis.query.instances.table import Page
from tensorboard_activis.query.matrix import matrix as matrices
from tensorboard_activis.query.matrix.matrix import Matrix
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.matrix.sorting import ROWS_OF, RULES, Sort
from tensorboard_activis.query.matrix.statistic import DEFAULT, STATISTICS, parse_statistic
from tensorboard_activis.query.neurons import history as histories
from tensorboard_activis.query.neurons.concept import Concept, concept
from tensorboard_activis.query.neurons.depth import Depth, DepthHistory, depth, depth_history
from tensorboard_activis.query.neurons.effects import RowEffects, effects
from tensorboard_activis.query.neurons.history import DEFAULT_STEPS, History
from tensorboard_activis.query.neurons.instance import InstanceDetail, instance
from tensorboard_activis.query.neurons.movement import Movement, movement
from tensorboard_activis.query.neurons.neuron import NeuronDetail, neuron
from tensorboard_activis.query.neurons.neuron_pairs import NeuronPairs, neuron_pairs
from tensorboard_activis.query.neurons.separation import Separation, separation
from tensorboard_activis.query.neurons.subset import SubsetDetail, subset
from tensorboard_activis.query.positions.attention import Attention, attention
from tensorboard_activis.query.projecting import projection
from tensorboard_activis.query.projection import alignment
from tensorboard_activis.query.projection.pca import Projection, ProjectionMethod
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.read.thinned import keep_of
from tensorboard_activis.stores.path import Location

#: A row of a matrix: the name of a declared subset, else an expression; a whole number is the row of one instance.
RowLike: TypeAlias = str | int | Row
#: A rule, one of the rows, or two of them by their difference.
SortLike: TypeAlias = str | int | Sort | tuple[RowLike, RowLike]


class Snapshot(SnapshotReader):
    """One snapshot: what was recorded of a model at one step, and the queries of the tab as methods."""

    def __init__(self, record: schema.Snapshot, directory: Location, steps: Callable[[], Sequence["Snapshot"]]) -> None:
        super().__init__(record, directory)
        self._steps = steps

    @property
    def unit(self) -> str:
        """What an instance is: "instance", an example of the data, or "position", a token or place of one."""
        return self.record.unit or "instance"

    def matrix(
        self,
        layer: str,
        rows: Iterable[RowLike] | None = None,
        *,
        sort: SortLike = "index",
        prefix: int | None = None,
        statistics: Collection[str] | None = None,
    ) -> Matrix:
        """The neuron activation matrix: statistics of every neuron over each row, float32 [rows, neurons].

        Arguments:
            layer: name of a recorded layer.
            rows: names of declared subsets, expressions, indices of kept instances; all declared subsets when None.
            sort: "index", "strongest" or "clustered"; one of the rows, by its mean; two of them, by their effect size;
                `query.matrix.sorting.Sort("direction", 0)`, by each neuron's weight in the direction of the first (see `concept`).
            prefix: uses only the first `prefix` instances of the sample, for a fast approximate answer.
            statistics: those to compute besides mean and standard deviation; None: the usual ones, of a thinned step those that
                its summaries hold.

        Raises:
            NotFoundError: there is no such layer, subset or instance.
            ExpressionError: a row is no valid expression.
            QueryError: an argument is wrong, or a limit is exceeded.
        """
        if statistics is None:
            statistics = DEFAULT if self.remains is None else [one for one in DEFAULT if STATISTICS[one].of_summary]
        row_likes = self._all_subsets() if rows is None else list(rows)
        parsed = [self._row(row) for row in row_likes]
        return matrices.matrix(self, layer, parsed, self._sort(sort, parsed), prefix, statistics)

    def neuron_detail(
        self, layer: str, index: int, rows: Iterable[RowLike] | None = None, *, prefix: int | None = None
    ) -> NeuronDetail:
        """Details of one neuron: histograms, top and bottom instances, class selectivity.

        Arguments:
            layer: name of a recorded layer.
            index: index of the neuron in the layer.
            rows: as for `matrix`; all instances when None.
            prefix: uses only the first `prefix` instances of the sample.

        Raises:
            NotFoundError: there is no such layer, neuron, subset or instance.
            ExpressionError: a row is no valid expression.
        """
        row_likes = self._all_subsets()[:1] if rows is None else list(rows)
        return neuron(self, layer, index, [self._row(row) for row in row_likes], prefix)

    def history(
        self,
        layer: str,
        rows: Iterable[RowLike] | None = None,
        *,
        neuron: int | None = None,
        statistic: str = "mean",
        most: int = DEFAULT_STEPS,
    ) -> History:
        """A statistic of rows over the steps of the run, float32 [steps, rows, neurons].

        Arguments:
            layer: name of a recorded layer.
            rows: as for `matrix`, of this snapshot; all declared subsets when None.
            neuron: index of one neuron; all neurons when None.
            statistic: one of those that `matrix` computes.
            most: the largest number of steps, evenly spread over the run; fewer where the answer would be too large.

        Raises:
            NotFoundError: there is no such layer, neuron, subset or instance.
            ExpressionError: a row is no valid expression.
            QueryError: an argument is wrong, or a limit is exceeded.
        """
        parsed = [self._row(row) for row in (self._all_subsets() if rows is None else rows)]
        width = self.layer(layer).info.neurons if neuron is None else 1
        steps = {one.step: one for one in self._steps()} | {self.step: self}
        chosen = histories.spread(
            sorted(steps), self.step, histories.most_steps(len(parsed), width, histories.parse_most(most))
        )
        return histories.history(
            self, layer, parsed, [steps[step] for step in chosen], neuron, parse_statistic(statistic)
        )

    def subset(self, row: str | Row, layer: str) -> SubsetDetail:
        """Compares a subset with all other instances in one layer: accuracy, confusion, the neurons that differ most.

        Arguments:
            row: the name of a declared subset (exact), or an expression (from the sample).
            layer: name of a recorded layer.

        Raises:
            NotFoundError: there is no such layer or subset.
            ExpressionError: it is no valid expression.
        """
        return subset(self, layer, self._row(row), None)

    def concept(self, layer: str, row: str | Row) -> Concept:
        """A subset's direction in a layer, as one more neuron: where each instance lies along it, and how far it moves each class.

        Arguments:
            layer: name of a recorded layer.
            row: the name of a declared subset, or an expression; of the kept instances either way.

        Raises:
            NotFoundError: there is no such layer or subset.
            ExpressionError: it is no valid expression.
        """
        return concept(self, layer, self._row(row))

    def effects(self, layer: str, row: RowLike) -> RowEffects:
        """What each neuron of a layer does to the mean margin of a row: the logit of the label minus the highest other.

        `effect` of the answer, float32 [neurons], is the change in logits with a neuron at its mean over all instances, or, for a
        single instance, over the class of its label; `errors` lists the neurons behind the row's errors. `estimate` says how
        the effects were obtained and how far they can be trusted; where there are none, why not.

        Arguments:
            layer: name of a recorded layer.
            row: the name of a declared subset, an expression, or the index of a kept instance.

        Raises:
            NotFoundError: there is no such layer, subset or instance.
            ExpressionError: it is no valid expression.
        """
        return effects(self, layer, self._row(row))

    def movement(self, other: "Snapshot") -> Movement:
        """How far each layer's representation is from that of another snapshot, of this or another run: 1 − debiased linear CKA.

        Layers are compared by name, over at most 1,024 instances that both samples have, matched by id.
        """
        return movement(self, other)

    def neuron_pairs(self, other: "Snapshot", layer: str) -> NeuronPairs:
        """Which neuron of another run is beside which of this one: by correlation, or by index where they are the same.

        Raises:
            NotFoundError: one of the two has no such layer.
        """
        return neuron_pairs(self, other, layer)

    def separation(
        self,
        rows: Iterable[RowLike] | None = None,
        *,
        layers: Iterable[str] | None = None,
        limit: int | None = None,
    ) -> Separation:
        """How well each layer tells classes or rows apart: where in the model they come apart.

        An instance belongs to the group whose mean activation is nearest (Euclidean); the means are of the other four fifths
        of the instances. `layers` of the answer has for each layer the balanced accuracy of these decisions, a share from 0
        to 1 (1 ÷ groups is chance), its standard error, and the largest effect size (Hedges' g, in standard deviations) of
        one neuron.

        Arguments:
            rows: at least two, as for `matrix`; instances that are in several are left out. The classes of the labels when None.
            layers: names of recorded layers; all when None.
            limit: the most instances that are used; all kept ones when None.

        Raises:
            NotFoundError: there is no such layer, subset or instance.
            ExpressionError: a row is no valid expression.
            QueryError: there is a single row, or the limit is below 1.
        """
        parsed = None if rows is None else [self._row(row) for row in rows]
        return separation(self, parsed, None if layers is None else list(layers), limit)

    @property
    def thinned(self) -> int | None:
        """None, or how many steps of the run kept the activations of their instances when those of this one were removed."""
        remains = self.remains
        return None if remains is None else keep_of(remains)

    def findings(self) -> Records[Finding]:
        """What is wrong with the model at this step, strongest first, each with the counts that say so and since which step.

        Looks at this snapshot and the steps before it. `query.findings.finding.KINDS` lists what is looked for.
        """
        return self.look_for_findings().findings

    def look_for_findings(self) -> Findings:
        """As `findings`, with notes about what was left out or could not be looked at."""
        return search([*(one for one in self._steps() if one.step < self.step), self])

    def index_of(self, instance_id: int | str) -> int:
        """The index of the kept instance with this id. Raises NotFoundError when it was not kept."""
        return index_of_id(self, instance_id)

    def instance_detail(self, layer: str, index: int, *, against: str | None = None) -> InstanceDetail:
        """Details of one kept instance, by index: class probabilities, nearest neighbours, explanation of its prediction.

        Arguments:
            against: name of the class that the predicted one is contrasted with; by default the instance's own, so that only a
                wrong prediction is explained.

        Raises:
            NotFoundError: there is no such layer or instance.
            QueryError: there is no class `against`.
        """
        return instance(self, layer, index, against)

    def attention_detail(self, layer: str, head: int, index: int | None = None) -> Attention:
        """What one head of an attention does: its pattern on a pinned instance with tokens, and all heads of its layer.

        Arguments:
            layer: of heads, such as "h.0.attn/heads".
            head: its index.
            index: of a pinned instance; the first one when None.

        Raises:
            NotFoundError: there is no such layer, head or instance. An instance without a pattern is no error.
        """
        return attention(self, layer, head, index)

    def depth(self, index: int) -> Depth:
        """Prediction by depth of one kept instance, by index: what the model's own last norm and head say after every block.

        `blocks` of the answer has for each block at most five classes or tokens with their probabilities (from 0 to 1), the rank of
        the label (from 1), and the share of all counted instances that are right there. An approximation: early blocks may not mean
        what is read of them.

        Raises:
            NotFoundError: there is no such instance, or prediction by depth was not recorded.
        """
        return depth(self, index)

    def depth_history(self) -> DepthHistory:
        """The share right after each block, at every step of the run: `right` is float32 [steps, blocks], from 0 to 1.

        Raises:
            NotFoundError: prediction by depth was not recorded.
        """
        steps = {one.step: one for one in self._steps()} | {self.step: self}
        return depth_history(self, [steps[step] for step in sorted(steps)])

    def content(self, index: int) -> tuple[str, bytes | str | list[float]]:
        """Kind and content of an instance, such as ("image", PNG bytes) or ("text", str). Raises NotFoundError without one."""
        return content.content(self, index)

    def projection(
        self,
        layer: str,
        method: ProjectionMethod = "pca",
        *,
        row: str | Row | None = None,
        like: "Snapshot | None" = None,
        report: Callable[[float, np.ndarray], bool] | None = None,
    ) -> Projection:
        """Projects the kept instances to two dimensions, by the activations of a layer: `xy` is float32 [instances, 2].

        The steps before are taken into account: PCA keeps its signs, t-SNE is initialized with the last layout in the disk cache.

        Arguments:
            layer: name of a recorded layer.
            method: "pca"; "tsne" (needs openTSNE); or "direction": x is the direction of `row` in units of the layer, from 0 at
                the mean of the other instances to `direction.length` at that of the row, and y the first principal component
                of what is orthogonal to it.
            row: of "direction": the name of a declared subset, or an expression; of the kept instances either way.
            like: a snapshot of this or another run; the result is aligned with its projection by the instances that both kept.
                Of "direction" only the sign of y, since each has a direction of its own.
            report: called with the progress of t-SNE from 0 to 1 and the layout so far; False stops with that layout.

        Raises:
            NotFoundError: there is no such layer or subset.
            ExpressionError: `row` is no valid expression.
            QueryError: the method is none of these, or the row has no direction.
            ActiVisError: openTSNE is needed and not installed.
        """
        steps = [*(one for one in self._steps() if one.step < self.step), self]
        projected = projection(steps, layer, method, None if row is None else self._row(row), report)
        if like is None:
            return projected
        other = like.projection(layer, method, row=row)
        return alignment.align(projected, other.xy, *shared_instances(self, like))

    def table(
        self,
        expression: str | None = None,
        *,
        indices: Sequence[int] | None = None,
        order: str | None = None,
        descending: bool = False,
    ) -> pa.Table:
        """The table of kept instances, filtered and sorted: `row` (the index) and all columns but images, audio and arrays.

        Arguments:
            expression: filter; None for all instances.
            indices: of kept instances to choose from; None for all.
            order: column to sort by.
            descending: whether the largest come first.

        Raises:
            NotFoundError: there is no such column or instance.
            ExpressionError: the filter is no valid expression.
            QueryError: an argument is wrong.
        """
        return export.export_table(self, Page(expression, indices, order, descending))

    def groups(self, by: str = "label", expression: str | None = None) -> pa.Table:
        """Groups the kept instances by a column: value, count, right, wrong, mean score and loss; largest groups first.

        Raises NotFoundError, ExpressionError, QueryError.
        """
        return groups.group_table(self, by, expression)

    def column_statistics(
        self, column: str | None = None, *, prefix: str = "", limit: int = 20
    ) -> list[column_statistics.ColumnStatistics]:
        """Statistics of one or all columns: range and quantiles, or the most frequent values. Raises NotFoundError, QueryError."""
        return column_statistics.column_statistics(self, column, prefix, limit)

    def _all_subsets(self) -> list[RowLike]:
        return [Row(subset=subset.name) for subset in self.record.subsets]

    def _row(self, row: RowLike) -> Row:
        if isinstance(row, Row):
            return row
        if isinstance(row, str):
            declared = any(subset.name == row for subset in self.record.subsets)
            return Row(subset=row) if declared else Row(expression=row)
        if isinstance(row, bool) or not isinstance(row, (int, np.integer)):
            raise QueryError(f"A row is a subset's name, an expression or the index of an instance; got {row!r:.60}.")
        return Row(instance=int(row))

    def _sort(self, sort: SortLike, rows: list[Row]) -> Sort:
        if isinstance(sort, Sort):
            return sort
        if isinstance(sort, tuple):
            a, b = (self._position(one, rows) for one in sort)
            return Sort("difference", a, b)
        if sort in RULES and sort not in ROWS_OF:
            return Sort(str(sort))
        return Sort("row", self._position(sort, rows))

    def _position(self, row: RowLike, rows: list[Row]) -> int:
        try:
            return rows.index(self._row(row))
        except ValueError as error:
            raise NotFoundError(f"Cannot sort by {row!r:.60}: it is none of the rows that were asked for.") from error
