"""Projects a layer by any method."""

from collections.abc import Sequence
from functools import partial

from tensorboard_activis.errors import QueryError
from tensorboard_activis.private_cache import cache_directory
from tensorboard_activis.query.matrix.direction import row_direction
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.projection.continuity import continuous_directed, continuous_pca, continuous_tsne
from tensorboard_activis.query.projection.disk_cache import DiskCache
from tensorboard_activis.query.projection.pca import Projection
from tensorboard_activis.query.projection.tsne import Report
from tensorboard_activis.read.snapshot import SnapshotReader

METHODS = ("pca", "tsne", "direction")


def check_method(method: str, row: Row | None) -> None:
    """Raises QueryError for a method that there is not, or a row that does not go with it."""
    if method not in METHODS:
        raise QueryError(f"method must be one of {', '.join(METHODS)}; got {method!r:.40}.")
    if (method == "direction") != (row is not None):
        if row is None:
            raise QueryError("method=direction needs row, whose direction is the first axis; row is missing.")
        raise QueryError(f"row goes only with method=direction, as its first axis; got method={method}. Leave row out.")


def projection(
    snapshots: Sequence[SnapshotReader], layer: str, method: str, row: Row | None = None, report: Report | None = None
) -> Projection:
    """The projection of a layer in the last of these snapshots of one run, steps ascending.

    Arguments:
        row: of the method "direction".
        report: as for `tsne`.

    Raises QueryError and what the method raises.
    """
    check_method(method, row)
    if row is not None:
        return continuous_directed(snapshots, layer, partial(row_direction, layer=layer, row=row), row)
    if method == "pca":
        return continuous_pca(snapshots, layer)
    layout = continuous_tsne(snapshots, layer, DiskCache(cache_directory()), report=report)
    return Projection(layout, (), "tsne")
