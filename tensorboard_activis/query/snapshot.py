"""The public class for one snapshot: its methods return the answers that the routes send."""

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.query.instances import column_statistics, content, export, groups
from tensorboard_activis.query.instances.classes import row_of_id
from tensorboard_activis.query.instances.table import Page
from tensorboard_activis.query.matrix import matrix as matrices
from tensorboard_activis.query.matrix.matrix import Matrix
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.matrix.sorting import RULES, Sort
from tensorboard_activis.query.matrix.statistic import DEFAULT
from tensorboard_activis.query.neurons.instance import InstanceDetail, instance
from tensorboard_activis.query.neurons.neuron import NeuronDetail, neuron
from tensorboard_activis.query.neurons.subset import SubsetDetail, subset
from tensorboard_activis.query.projection import alignment, continuity
from tensorboard_activis.query.projection.disk_cache import DiskCache, cache_directory
from tensorboard_activis.query.projection.pca import Projection
from tensorboard_activis.read.snapshot import SnapshotReader

#: A row of a matrix: the name of a declared subset, else an expression; a whole number is the row of one instance.
RowLike: TypeAlias = str | int | Row
#: A rule, one of the rows, or two of them by their difference.
SortLike: TypeAlias = str | int | Sort | tuple[RowLike, RowLike]


class Snapshot(SnapshotReader):
    """What was recorded of one model at one step, and the questions that the tab asks."""

    def __init__(self, record: schema.Snapshot, directory: Path, steps: Callable[[], Sequence["Snapshot"]]) -> None:
        super().__init__(record, directory)
        self._steps = steps

    def matrix(
        self,
        layer: str,
        rows: Iterable[RowLike] | None = None,
        *,
        sort: SortLike = "index",
        prefix: int | None = None,
        statistics: Collection[str] = DEFAULT,
    ) -> Matrix:
        """Mean, deviation, maximum and share of active instances of every neuron over each row, float32 [rows, neurons].

        Arguments:
            rows: subsets by name, expressions, instances by row; all declared subsets when None.
            sort: "index", "strongest" or "clustered"; one of the rows, by its mean; two of them, by their effect size.
            prefix: looks at the first so many instances of the sample only: a first answer.
            statistics: those that are needed besides mean and deviation.

        Raises NotFoundError, ExpressionError, QueryError.
        """
        row_likes = self._all_subsets() if rows is None else list(rows)
        parsed = [self._row(row) for row in row_likes]
        return matrices.matrix(self, layer, parsed, self._sort(sort, parsed), prefix, statistics)

    def neuron_detail(
        self, layer: str, index: int, rows: Iterable[RowLike] | None = None, *, prefix: int | None = None
    ) -> NeuronDetail:
        """Distributions, strongest and weakest instances, classes and change over the steps of one neuron.

        Arguments:
            rows: as for `matrix`; all instances when None.

        Raises NotFoundError, ExpressionError.
        """
        row_likes = self._all_subsets()[:1] if rows is None else list(rows)
        return neuron(self, layer, index, [self._row(row) for row in row_likes], self._steps(), prefix)

    def subset(self, row: str | Row, layer: str) -> SubsetDetail:
        """A declared subset or an expression against all other instances. Raises NotFoundError, ExpressionError."""
        return subset(self, layer, self._row(row), None)

    def row_of(self, identity: int | str) -> int:
        """The row of the instance with this id. Raises NotFoundError when it was not kept."""
        return row_of_id(self, identity)

    def instance_detail(self, layer: str, row: int) -> InstanceDetail:
        """Scores, neighbours in a layer, and why it was taken for another class. Raises NotFoundError."""
        return instance(self, layer, row)

    def content(self, row: int) -> tuple[str, bytes | str | list[float]]:
        """The instance itself and its kind, such as ("image", PNG) or ("text", text). Raises NotFoundError when it has none."""
        return content.content(self, row)

    def projection(
        self,
        layer: str,
        method: Literal["pca", "tsne"] = "pca",
        *,
        like: "Snapshot | None" = None,
        report: Callable[[float, np.ndarray], bool] | None = None,
    ) -> Projection:
        """Every instance at its place in two dimensions, float32 [instances, 2].

        It follows the steps before: principal components keep their signs, t-SNE begins at the last layout that is kept on disk.

        Arguments:
            like: a snapshot of this or another run, onto whose layout this one is turned by the instances that both kept.
            report: told the share of t-SNE that is done and the layout so far; when it returns False, that is the result.

        Raises NotFoundError; ActiVisError when openTSNE is needed and not installed.
        """
        steps = [one for one in self._steps() if one.step < self.step]
        if method == "pca":
            projected = continuity.continuous_pca([*steps, self], layer)
        elif method == "tsne":
            kept = DiskCache(cache_directory())
            projected = Projection(continuity.continuous_tsne([*steps, self], layer, kept, report=report), (), "tsne")
        else:
            raise QueryError(f"method must be pca or tsne; got {method!r:.40}.")
        if like is None:
            return projected
        return alignment.align(projected, like.projection(layer, method).xy, *alignment.shared_rows(self, like))

    def table(
        self,
        expression: str | None = None,
        *,
        rows: Sequence[int] | None = None,
        order: str | None = None,
        descending: bool = False,
    ) -> pa.Table:
        """Instances with their facts, filtered and ordered: `row` and every column but pictures, sounds and arrays.

        Raises NotFoundError, ExpressionError, QueryError.
        """
        return export.export_table(self, Page(expression, rows, order, descending))

    def groups(self, by: str = "label", expression: str | None = None) -> pa.Table:
        """Kept instances by the values of a column: value, count, right, wrong, mean score and loss; the largest first.

        Raises NotFoundError, ExpressionError, QueryError.
        """
        return groups.group_table(self, by, expression)

    def column_statistics(
        self, column: str | None = None, *, prefix: str = "", limit: int = 20
    ) -> list[column_statistics.ColumnStatistics]:
        """What the columns hold: ranges and quantiles, or the most frequent values. Raises NotFoundError, QueryError."""
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
            raise QueryError(f"A row is a subset's name, an expression or the row of an instance; got {row!r:.60}.")
        return Row(instance=int(row))

    def _sort(self, sort: SortLike, rows: list[Row]) -> Sort:
        if isinstance(sort, Sort):
            return sort
        if isinstance(sort, tuple):
            a, b = (self._position(one, rows) for one in sort)
            return Sort("difference", a, b)
        if sort in RULES and sort not in ("row", "difference"):
            return Sort(str(sort))
        return Sort("row", self._position(sort, rows))

    def _position(self, row: RowLike, rows: list[Row]) -> int:
        try:
            return rows.index(self._row(row))
        except ValueError as error:
            raise NotFoundError(f"Cannot sort by {row!r:.60}: it is none of the rows that were asked for.") from error
