"""Answers the route `matrix`: statistics as float32, or one statistic quantized to bytes for drawing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.contract import Float32Array, Int32Array, Uint8Array
from tensorboard_activis.query.matrix import quantized, scales, strips
from tensorboard_activis.query.matrix.matrix import Matrix, MatrixRows, matrix
from tensorboard_activis.query.matrix.rows import Row, reference
from tensorboard_activis.query.matrix.sorting import Sort
from tensorboard_activis.query.matrix.statistic import STATISTICS
from tensorboard_activis.read.snapshot import SnapshotReader


@dataclass(frozen=True, slots=True)
class QuantizedMatrix(MatrixRows):
    """One statistic as bytes, to be drawn.

    Attributes:
        quantized: [rows, columns], 0 where nothing is known, else 1 at the lower to 255 at the upper of `bounds`.
        drawn: the rows that `quantized` has, by their positions among all, [rows of `quantized`]; None: all of them.
        statistic: the one that is drawn.
        bounds: what the bytes go from and to; without a scale, what was asked for or what the whole matrix spans, so that windows
            fit together.
        scale: the colours; None unless a scale was asked for.
        offset: of each neuron, by index: a value comes onto the scale by (value - offset) * factor, [neurons]; None: 0.
        factor: likewise; None: 1.
    """

    quantized: Uint8Array
    drawn: Int32Array | None
    statistic: str
    bounds: tuple[float, float]
    scale: scales.ColourScale | None
    offset: Float32Array | None
    factor: Float32Array | None


@dataclass(frozen=True, slots=True)
class MatrixQuery:
    """What is asked of a matrix.

    Attributes:
        layer: name of a recorded layer.
        rows: what its rows stand for.
        sort: order of the neurons.
        prefix: of how many kept instances; None for all.
        statistics: those that are wanted.
        window: places in the sorted order whose neurons are wanted; None for all.
        quantized: the statistic that is wanted as bytes instead of numbers; None for numbers.
        drawn: positions of the rows whose bytes are wanted; None for all. Bounds, scale and order are of all rows.
        bounds: lowest and highest value of the bytes; those of the matrix when None.
        scale: of the bytes; None for the values as they are.
    """

    layer: str
    rows: Sequence[Row]
    sort: Sort
    prefix: int | None = None
    statistics: Sequence[str] = ()
    window: slice | None = None
    quantized: str | None = None
    drawn: Sequence[int] | None = None
    bounds: tuple[float, float] | None = None
    scale: scales.ScaleKind | None = None


def answer_matrix(snapshot: SnapshotReader, query: MatrixQuery) -> Matrix | QuantizedMatrix:
    """The matrix that a query asks for. Raises as `matrix`."""
    if query.quantized is not None:
        whole = matrix(snapshot, query.layer, query.rows, query.sort, query.prefix, [query.quantized], always=())
        return _quantize(snapshot, query, query.quantized, whole)
    # Neurons by their index are known before anything is computed: then the others need not be.
    if query.sort.by == "index" and query.window is not None and query.window.start < query.window.stop:
        return matrix(snapshot, query.layer, query.rows, None, query.prefix, query.statistics, query.window)
    whole = matrix(snapshot, query.layer, query.rows, query.sort, query.prefix, query.statistics)
    return whole if query.window is None else whole.window(query.window)


def _quantize(snapshot: SnapshotReader, query: MatrixQuery, statistic: str, whole: Matrix) -> QuantizedMatrix:
    values, shown = whole.statistics[statistic], slice(None) if query.window is None else whole.order[query.window]
    scale = None if query.scale is None else _scale(snapshot, query, statistic, query.scale, values)
    part = values if query.drawn is None else values[list(query.drawn)]
    if scale is None:
        drawn = quantized.to_bytes(part[:, shown], query.bounds or quantized.span(values))
    else:
        drawn = scales.scaled_bytes(part, scale)
    return QuantizedMatrix(
        rows=whole.rows,
        n=whole.n,
        order=whole.order,
        effect=None if whole.effect is None else whole.effect[shown],
        complete=whole.complete,
        optimal=whole.optimal,
        quantized=drawn.values if scale is None else drawn.values[:, shown],
        drawn=None if query.drawn is None else np.array(query.drawn, np.int32),
        statistic=statistic,
        bounds=(drawn.low, drawn.high),
        scale=None if scale is None else scale.colours,
        offset=None if scale is None or scale.offset is None else scale.offset.astype(np.float32),
        factor=None if scale is None or scale.factor is None else scale.factor.astype(np.float32),
    )


def _scale(
    snapshot: SnapshotReader, query: MatrixQuery, statistic: str, kind: scales.ScaleKind, values: np.ndarray
) -> scales.Scale:
    """What is known of the ends: a layer with values below zero shows both ways, and a share ends at 1."""
    info = STATISTICS[statistic].info
    signed = info.signed and strips.is_signed(snapshot.summary(query.layer, 1))
    return scales.scale_of(values, kind, reference(query.rows), signed=signed, end=info.end if kind == "raw" else None)
