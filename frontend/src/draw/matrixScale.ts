/** Computes the colour scale of a matrix: z-score, min-max or raw values. */

import type { CellScale } from "../api/types";
import { roundEnd } from "./colormap";

/** A neuron's scaled value is (value − offset) × factor; the colours end at `end`. */
export interface MatrixScale {
  kind: "z" | "unit" | "raw";
  /** Symmetric about zero, or from zero up. */
  signed: boolean;
  end: number;
  /** Whether values beyond the ends are clipped. */
  above: boolean;
  below: boolean;
  /** All values are zero; all are NaN. */
  allZero: boolean;
  allMissing: boolean;
  /** Number of NaN and infinite values. */
  missing: number;
  /** Per neuron; null: 0 and 1. */
  offset: Float32Array | null;
  factor: Float32Array | null;
}

interface Question {
  /** [rows, neurons] */
  values: Float32Array;
  neurons: number;
  count: number;
  kind: MatrixScale["kind"];
  /** Rows that determine the scale: the subsets, so that pinning an instance does not change their colours. */
  reference: readonly number[];
  signed: boolean;
  /** A fixed end (1 for shares); by default the 99th percentile, rounded. */
  end?: number;
}

/** The scale of a matrix that was sent as colour levels. */
export function drawnScale(
  scale: CellScale,
  size: number,
  offset: Float32Array | null,
  factor: Float32Array | null,
): MatrixScale {
  return {
    ...scale,
    allZero: scale.all_zero,
    allMissing: scale.missing > 0 && scale.missing === size,
    offset,
    factor,
  };
}

const MOST_SAMPLES = 50_000;

/** Computes the scale of a matrix from its finite values. */
export function matrixScale({ values, neurons, count, kind, reference, signed, end }: Question): MatrixScale {
  const { offset, factor } =
    kind === "z" ? deviations(values, neurons, reference) : kind === "unit" ? ranges(values, neurons, reference) : NONE;
  let [low, high, missing] = [Infinity, -Infinity, 0];
  let size = 0;
  for (let row = 0, i = 0; row < count; row++)
    for (let n = 0; n < neurons; n++, i++) {
      const value = values[i]!;
      if (value - value !== 0) {
        missing++;
        continue;
      }
      if (Math.abs(value) > size) size = Math.abs(value);
      const scaled = offset && factor ? (value - offset[n]!) * factor[n]! : value;
      if (scaled < low) low = scaled;
      if (scaled > high) high = scaled;
    }
  const two = kind === "z" || (kind === "raw" && (signed || low < 0));
  const last =
    kind === "unit"
      ? 1
      : end && kind === "raw"
        ? end
        : roundEnd(extent(values, neurons, reference, offset, factor, Math.max(high, -low)));
  const near = last * (1 + 1e-6);
  return {
    kind,
    signed: two,
    end: last,
    above: high > near,
    below: two && low < -near,
    allZero: missing === 0 && size === 0,
    allMissing: missing > 0 && missing === neurons * count,
    missing,
    offset,
    factor,
  };
}

/** The scaled value, in units of the scale (for "z": standard deviations); NaN if not finite. */
export function onScale({ offset, factor }: MatrixScale, value: number, neuron: number): number {
  if (!Number.isFinite(value)) return NaN;
  return offset && factor ? (value - offset[neuron]!) * factor[neuron]! : value;
}

const NONE = { offset: null, factor: null };

/** Mean and 1 ÷ standard deviation of each neuron over the rows; neurons without variance are scaled to zero. */
function deviations(
  values: Float32Array,
  neurons: number,
  rows: readonly number[],
): { offset: Float32Array; factor: Float32Array } {
  const [sum, squares, n] = [new Float64Array(neurons), new Float64Array(neurons), new Float64Array(neurons)];
  each(values, neurons, rows, (value, j) => {
    sum[j]! += value;
    n[j]! += 1;
  });
  const offset = Float32Array.from(sum, (total, j) => (n[j]! > 0 ? total / n[j]! : 0));
  each(values, neurons, rows, (value, j) => {
    squares[j]! += (value - offset[j]!) ** 2;
  });
  const factor = Float32Array.from(squares, (total, j) => {
    const deviation = Math.sqrt(total / Math.max(1, n[j]!));
    return deviation > 1e-7 * Math.abs(offset[j]!) && deviation > 0 ? 1 / deviation : 0;
  });
  return { offset, factor };
}

/** Minimum and 1 ÷ range. */
function ranges(
  values: Float32Array,
  neurons: number,
  rows: readonly number[],
): { offset: Float32Array; factor: Float32Array } {
  const [low, high] = [new Float32Array(neurons).fill(Infinity), new Float32Array(neurons).fill(-Infinity)];
  each(values, neurons, rows, (value, j) => {
    if (value < low[j]!) low[j] = value;
    if (value > high[j]!) high[j] = value;
  });
  return {
    offset: low.map((value) => (Number.isFinite(value) ? value : 0)),
    factor: high.map((value, j) => (value > low[j]! ? 1 / (value - low[j]!) : 0)),
  };
}

function each(
  values: Float32Array,
  neurons: number,
  rows: readonly number[],
  visit: (value: number, neuron: number) => void,
): void {
  for (const row of rows)
    for (let j = 0, i = row * neurons; j < neurons; j++, i++) {
      const value = values[i]!;
      if (value - value === 0) visit(value, j);
    }
}

/** 99th percentile of the absolute values, from a sample if there are many; the maximum if nearly all are zero. */
function extent(
  values: Float32Array,
  neurons: number,
  rows: readonly number[],
  offset: Float32Array | null,
  factor: Float32Array | null,
  largest: number,
): number {
  const total = rows.length * neurons;
  const stride = Math.max(1, Math.ceil(total / MOST_SAMPLES));
  const sizes = new Float32Array(Math.ceil(total / stride));
  let sampled = 0;
  for (let k = 0; k < total; k += stride) {
    const neuron = k % neurons;
    const value = values[rows[(k - neuron) / neurons]! * neurons + neuron]!;
    if (value - value === 0)
      sizes[sampled++] = Math.abs(offset && factor ? (value - offset[neuron]!) * factor[neuron]! : value);
  }
  const sorted = sizes.subarray(0, sampled).sort();
  const percentile = sorted[Math.max(0, Math.ceil(sampled * 0.99) - 1)] ?? 0;
  return percentile > 0 ? percentile : largest;
}
