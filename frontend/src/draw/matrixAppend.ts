/** Appends a row to a matrix without changing the order and the colours of the others. */

import type { Matrix } from "../api/types";
import { byteOf } from "./matrixPyramid";
import { drawnScale, onScale } from "./matrixScale";

/** The matrix with the one row of `added` behind its own. `statistic` is the one that is drawn as colour levels. */
export function withRow(matrix: Matrix, added: Matrix, statistic: string): Matrix {
  const { neurons } = matrix;
  const statistics: Record<string, Float32Array> = {};
  for (const [name, values] of Object.entries(matrix.statistics)) {
    const all = new Float32Array(values.length + neurons).fill(NaN);
    all.set(values);
    all.set(added.statistics[name] ?? [], values.length);
    statistics[name] = all;
  }
  return {
    ...matrix,
    count: matrix.count + 1,
    drawn: matrix.drawn && Int32Array.of(...matrix.drawn, matrix.count),
    n: Float64Array.of(...matrix.n, added.n[0] ?? 0),
    rows: [...matrix.rows, ...added.rows],
    statistics,
    quantized:
      matrix.quantized && withLevels(matrix, added.statistics[statistic] ?? new Float32Array(neurons).fill(NaN)),
  };
}

function withLevels(matrix: Matrix, values: Float32Array): Uint8Array<ArrayBuffer> {
  const own = matrix.quantized ?? new Uint8Array();
  const all = new Uint8Array(own.length + values.length);
  all.set(own);
  const scale = matrix.scale && drawnScale(matrix.scale, own.length, matrix.offset, matrix.factor);
  if (scale)
    values.forEach((value, neuron) => {
      all[own.length + neuron] = byteOf(onScale(scale, value, neuron) / scale.end, scale.signed);
    });
  return all;
}
