/** Rows of recorded instances: which instances are in one, and statistics of a layer's activations over these. */

import { decode, decodeMatrix } from "./decode";
import { notHere, type Pack } from "./packs";
import { type Lookup, matching } from "./recordedExpression";
import {
  ApiError,
  type Cell,
  type Columns,
  type Matrix,
  type NeuronDetail,
  type RowQuery,
  type Snapshot,
  type TableRow,
  type Where,
} from "./types";

/** `inside`: all kept instances of a row, ascending; `counted`: those of the sample, which statistics are of. */
export interface Members {
  inside: Int32Array;
  counted: number[];
}

/** A layer at a step, with all that is recorded of it. */
export interface RecordedLayer {
  name: string;
  neurons: number;
  /** Rows are the declared subsets, in the order of `subsets`. */
  matrix: Matrix;
  subsets: string[];
  seen: number;
  /** How many of the instances are of the sample; pinned ones are behind them. */
  sample: number;
  /** The neurons by clusters of the rows that the tab shows at first. Throws ApiError where these are not known. */
  clustered(): Int32Array;
  /** Whether all values are finite. */
  finite: boolean;
  /** Of all kept instances. Throws ApiError where they were thinned. */
  activation(neuron: number): Float32Array;
  histogram(neuron: number, edges: number[], members: readonly number[]): NeuronDetail["rows"][number];
}

/** The values that 16 bits of floating point mean. */
const HALVES = new Float32Array(65_536).map((_, bits) => {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction
          ? NaN
          : Infinity
        : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 32_768 ? -size : size;
});

export function readLayer(pack: Pack, snapshot: Snapshot, name: string): RecordedLayer {
  const info = snapshot.layers.find((layer) => layer.name === name);
  if (!info) throw notHere();
  let halves: Uint16Array | undefined;
  const values = new Map<number, Float32Array>();
  const activation = (neuron: number): Float32Array => {
    halves ??= new Uint16Array(pack.get("activations"));
    const count = halves.length / info.neurons;
    const own = values.get(neuron) ?? new Float32Array(count);
    if (!values.has(neuron)) {
      for (let index = 0; index < count; index++) own[index] = HALVES[halves[neuron * count + index]!]!;
      values.set(neuron, own);
    }
    return own;
  };
  return {
    name,
    neurons: info.neurons,
    matrix: decodeMatrix(pack.get("matrix"), false),
    subsets: snapshot.subsets.map((subset) => subset.name),
    seen: snapshot.seen,
    sample: snapshot.sample_size,
    clustered: () => Int32Array.from(JSON.parse(new TextDecoder().decode(pack.get("clustered"))) as number[]),
    finite: info.warnings.nonfinite === 0,
    activation,
    histogram(neuron, edges, members) {
      const own = activation(neuron);
      const bins = edges.length - 1;
      const counts = new Array<number>(bins).fill(0);
      const known = members.map((index) => own[index]!).filter(Number.isFinite);
      for (const value of known) counts[binOf(value, edges)]!++;
      const { mean, std } = momentsOf(known);
      return { counts, n: known.length, mean: finiteOrNull(mean), std: finiteOrNull(std) };
    },
  };
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** The bin of a value, whose lower edge it is at least; the last also holds its upper edge. */
function binOf(value: number, edges: number[]): number {
  let [low, high] = [0, edges.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (edges[middle]! <= value) low = middle;
    else high = middle;
  }
  return low;
}

export interface Moments {
  mean: number;
  std: number;
  max: number;
  active: number;
  median: number;
}

/** Of finite values; NaN without any. */
export function momentsOf(values: readonly number[], withMedian = false): Moments {
  const n = values.length;
  let [sum, max, active] = [0, -Infinity, 0];
  for (const value of values) {
    sum += value;
    if (value > max) max = value;
    if (value > 0) active++;
  }
  const mean = sum / n;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const sorted = withMedian ? Float64Array.from(values).sort() : null;
  const median = sorted ? ((sorted[(n - 1) >> 1] ?? NaN) + (sorted[n >> 1] ?? NaN)) / 2 : NaN;
  return { mean, std: Math.sqrt(squares / n), max: n ? max : NaN, active: active / n, median };
}

/** Which instances are in a row. Throws ApiError where that is neither recorded nor can be computed. */
export function members(
  row: RowQuery,
  pack: Pack,
  snapshot: Snapshot,
  columns: Columns,
  table: readonly TableRow[],
  neuron: Lookup["neuron"],
): Members {
  const sampled = (inside: Int32Array): Members => ({
    inside,
    counted: Array.from(inside).filter((index) => index < snapshot.sample_size),
  });
  if ("instance" in row) {
    const there = row.instance >= 0 && row.instance < columns.count;
    const one = there ? [row.instance] : [];
    return { inside: Int32Array.from(one), counted: one.filter((index) => index < snapshot.sample_size) };
  }
  const subset = "subset" in row ? snapshot.subsets.find(({ name }) => name === row.subset) : undefined;
  if (subset?.kind === "all") return sampled(Int32Array.from({ length: columns.count }, (_, index) => index));
  const expression = "expression" in row ? row.expression.trim() : (subset?.expression ?? "");
  const key = `where ${JSON.stringify(expression)}`;
  if (pack.has(key)) return sampled(decode<Where>(pack.get(key), "Where").indices);
  const types = new Map(snapshot.columns.map(({ name, type }) => [name, type]));
  const lookup: Lookup = {
    count: columns.count,
    column: (name) => {
      const type = types.get(name);
      return type && { type, each: table.map((line): Cell => line[name] ?? null) };
    },
    neuron,
  };
  try {
    return sampled(Int32Array.from(matching(expression, lookup)));
  } catch (error) {
    // A row that cannot be computed must not take the others with it, as one that the server refuses does not.
    throw error instanceof ApiError ? new ApiError("bad_request", error.message) : error;
  }
}
