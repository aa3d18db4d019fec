"""One snapshot with the tab's questions as methods: numbers come as numpy arrays, lists as pyarrow tables."""

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.query.arithmetic.codes import codes
from tensorboard_activis.query.instances import column_statistics, content, export, groups
from tensorboard_activis.query.instances.classes import row_of_id
from tensorboard_activis.query.instances.table import Page
from tensorboard_activis.query.matrix import matrix as matrices
from tensorboard_activis.query.matrix.matrix import Matrix
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.matrix.sorting import RULES, Sort
from tensorboard_activis.query.neurons import instance as instances
from tensorboard_activis.query.neurons import neuron as neurons
from tensorboard_activis.query.neurons import subset as subsets
from tensorboard_activis.query.neurons.details import InstanceDetail, NeuronDetail, SubsetDetail, as_table
from tensorboard_activis.query.projection import alignment, following
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
        statistics: Collection[str] = matrices.STATISTICS,
    ) -> Matrix:
        """Mean, deviation, maximum and share of active instances of every neuron over each row, float32 [rows, neurons].

        Arguments:
            rows: subsets by name, expressions, instances by row; all declared subsets when None.
            sort: "index", "strongest" or "clustered"; one of the rows, by its mean; two of them, by their effect size.
            prefix: looks at the first so many instances of the sample only: a first answer.
            statistics: those that are needed; the others may be NaN.

        Raises NotFoundError, ExpressionError, QueryError.
        """
        given = self._all_subsets() if rows is None else list(rows)
        asked = [self._row(row) for row in given]
        return matrices.matrix(self, layer, asked, self._sort(sort, asked), prefix, statistics)

    def neuron_detail(
        self, layer: str, index: int, rows: Iterable[RowLike] | None = None, *, prefix: int | None = None
    ) -> NeuronDetail:
        """Distributions, strongest and weakest instances, classes and change over the steps of one neuron.

        Arguments:
            rows: as for `matrix`; all instances when None.

        Raises NotFoundError, ExpressionError.
        """
        given = self._all_subsets()[:1] if rows is None else list(rows)
        values = codes(self.neuron(layer, index)[:prefix])
        edges, found = neurons.histograms(self, values, [self._row(row) for row in given], prefix)
        top, bottom = neurons.extremes(self, values)
        classes = [
            {"class": one.name, "auc": one.auc, "d": one.d, "n": one.n}
            for one in neurons.selectivity(self, values, prefix)
        ]
        driver = ("row", "id", "label", "prediction", "value")
        return NeuronDetail(
            edges=edges,
            counts=np.array([one.counts for one in found], np.int64).reshape(len(found), len(edges) - 1),
            n=np.array([one.n for one in found], np.int64),
            mean=np.array([one.mean for one in found]),
            std=np.array([one.std for one in found]),
            top=as_table(top, driver),
            bottom=as_table(bottom, driver),
            classes=as_table(classes, ("class", "auc", "d", "n")),
            steps=as_table(neurons.over_steps(self._steps(), layer, index), ("step", "mean", "std")),
            complete=prefix is None or prefix >= self.record.kept,
        )

    def subset(self, row: str | Row, layer: str) -> SubsetDetail:
        """A declared subset or an expression against all other instances. Raises NotFoundError, ExpressionError."""
        asked = self._row(row)
        found = subsets.differences(self, layer, asked)
        order = found.order
        table = pa.table(
            {
                "neuron": order,
                "effect": found.effect[order],
                "p": found.p[order],
                "q": found.q[order],
                "own_mean": found.mean[0, order],
                "own_std": found.std[0, order],
                "rest_mean": found.mean[1, order],
                "rest_std": found.std[1, order],
            }
        )
        return SubsetDetail(subsets.outcome(self, asked), found, table)

    def row_of(self, identity: int | str) -> int:
        """The row of the instance with this id. Raises NotFoundError when it was not kept."""
        return row_of_id(self, identity)

    def instance_detail(self, layer: str, row: int) -> InstanceDetail:
        """Scores, neighbours in a layer, and why it was taken for another class. Raises NotFoundError."""
        found = instances.instance(self, layer, row)
        contrast = found["contrast"] if isinstance(found["contrast"], dict) else {}
        telling = ("neuron", "value", "z_own", "z_predicted", "own_mean", "own_std", "predicted_mean", "predicted_std")
        return InstanceDetail(
            row=row,
            id=found["id"],  # type: ignore[arg-type]
            label=found["label"],
            prediction=found["prediction"],
            correct=found["correct"],  # type: ignore[arg-type]
            scores=as_table(found["scores"], ("class", "score")),
            neighbours=as_table(found["neighbours"], ("row", "id", "label", "prediction", "distance")),
            far_from_own=as_table(contrast.get("far_from_own", ()), telling),
            sides_with_predicted=as_table(contrast.get("sides_with_predicted", ()), telling),
        )

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
            found = following.following_pca([*steps, self], layer)
        elif method == "tsne":
            kept = DiskCache(cache_directory())
            found = Projection(following.following_tsne([*steps, self], layer, kept, report=report), ())
        else:
            raise QueryError(f"method must be pca or tsne; got {method!r:.40}.")
        if like is None:
            return found
        mine, its = alignment.shared_rows(self, like)
        xy = alignment.procrustes(found.xy, like.projection(layer, method).xy, mine, its)
        return Projection(xy, alignment.turned_shares(xy, found.explained))

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
        return groups.groups(self, by, expression)

    def column_statistics(
        self, column: str | None = None, *, prefix: str = "", limit: int = 20
    ) -> list[column_statistics.NumberColumn | column_statistics.ValueColumn]:
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
