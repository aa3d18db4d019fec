/** Matrices of recorded layers: rows are put together from what is recorded and what is computed, and sorted here. */

import { notHere } from "./packs";
import { type Members, type Moments, momentsOf, type RecordedLayer } from "./recordedRows";
import type { History, HistoryStep, Matrix, RowQuery, RowSource, SortQuery } from "./types";

/** As the route `matrix` answers; see `docs/http_api.md`. `effects`: on the margin, where it is sorted by these. */
export function recordedMatrix(
  layer: RecordedLayer,
  rows: readonly RowQuery[],
  sets: readonly Members[],
  sort: SortQuery,
  statistic: string,
  window?: [number, number],
  effects: Float32Array | null = null,
): Matrix {
  const { neurons, matrix: known } = layer;
  const names = [...new Set(["mean", "std", statistic])];
  const statistics: Record<string, Float32Array> = {};
  for (const name of names) statistics[name] = new Float32Array(rows.length * neurons).fill(NaN);
  const n = new Float64Array(rows.length);
  const sources = rows.map((row, place): RowSource => {
    const at = "subset" in row ? layer.subsets.indexOf(row.subset) : -1;
    if (at >= 0) {
      for (const name of names) {
        const recorded = known.statistics[name];
        if (!recorded) throw notHere();
        statistics[name]!.set(recorded.subarray(at * neurons, (at + 1) * neurons), place * neurons);
      }
      n[place] = known.n[at]!;
      return known.rows[at]!;
    }
    const [single, { inside, counted }] = ["instance" in row, sets[place]!];
    const taken = single ? Array.from(inside) : counted;
    for (let neuron = 0; neuron < neurons; neuron++) {
      const values = layer.activation(neuron);
      const there = taken.map((index) => values[index]!).filter(Number.isFinite);
      const moments = momentsOf(there, statistic === "median");
      for (const name of names) statistics[name]![place * neurons + neuron] = moments[name as keyof Moments];
    }
    n[place] = taken.length;
    return { source: single ? "instance" : "sample", n: taken.length, seen: layer.seen, packed: false };
  });
  const whole = { layer, rows, sets, statistics, n, neurons };
  const { order, effect } = sorted(whole, sort, effects);
  const matrix: Matrix = {
    count: rows.length,
    neurons,
    statistics,
    n,
    order,
    effect,
    quantized: null,
    scale: null,
    offset: null,
    factor: null,
    rows: sources,
  };
  return window ? windowed(matrix, window, sort.by === "index") : matrix;
}

/** Only some neurons, by their places in the order. */
function windowed(matrix: Matrix, [from, to]: [number, number], byIndex: boolean): Matrix {
  const shown = byIndex ? Int32Array.from({ length: to - from }, (_, i) => from + i) : matrix.order.slice(from, to);
  const statistics = Object.fromEntries(
    Object.entries(matrix.statistics).map(([name, values]) => [
      name,
      Float32Array.from({ length: matrix.count * shown.length }, (_, cell) => {
        const [row, place] = [Math.floor(cell / shown.length), cell % shown.length];
        return values[row * matrix.neurons + shown[place]!]!;
      }),
    ]),
  );
  const effect = matrix.effect && Float32Array.from(shown, (neuron) => matrix.effect![neuron]!);
  return { ...matrix, statistics, effect, neurons: shown.length };
}

interface Whole {
  layer: RecordedLayer;
  rows: readonly RowQuery[];
  sets: readonly Members[];
  statistics: Record<string, Float32Array>;
  n: Float64Array;
  neurons: number;
}

/** By the weight in the direction of a row, as `tensorboard_activis/query/arithmetic/direction.py` has it. */
function byDirection(layer: RecordedLayer, { inside }: Members) {
  // Which instances have a value that is not finite is not recorded.
  if (!layer.finite) throw notHere();
  const own = new Set(inside);
  const vector = Float64Array.from({ length: layer.neurons }, (_, neuron) => {
    const [sums, counts] = [new Float64Array(2), new Float64Array(2)];
    layer
      .activation(neuron)
      .subarray(0, layer.sample)
      .forEach((value, index) => {
        sums[+own.has(index)]! += value;
        counts[+own.has(index)]! += 1;
      });
    return sums[1]! / counts[1]! - sums[0]! / counts[0]!;
  });
  const length = Math.hypot(...vector);
  const effect = length > 0 ? Float32Array.from(vector, (value) => value / length) : null;
  return { order: descending(layer.neurons, (neuron) => vector[neuron]!), effect };
}

function sorted(whole: Whole, sort: SortQuery, effects: Float32Array | null) {
  const { neurons, rows, layer } = whole;
  const mean = whole.statistics.mean!;
  const at = (row: number, neuron: number): number => mean[row * neurons + neuron]!;
  switch (sort.by) {
    case "index":
      return { order: descending(neurons, () => 0), effect: null };
    case "row":
      return { order: descending(neurons, (neuron) => at(sort.a, neuron)), effect: null };
    case "strongest": {
      const largest = (neuron: number): number =>
        Math.max(...rows.map((_, row) => (Number.isFinite(at(row, neuron)) ? at(row, neuron) : -Infinity)));
      return { order: descending(neurons, largest), effect: null };
    }
    case "clustered":
      // By the rows that are shown at first: neurons that are alike there stay side by side with other rows.
      return { order: layer.clustered(), effect: null };
    case "effect":
      if (!effects) throw notHere();
      return { order: descending(neurons, (neuron) => Math.abs(effects[neuron]!)), effect: null };
    case "direction":
      return byDirection(layer, whole.sets[sort.a]!);
    case "difference":
      return byDifference(whole, sort.a, sort.b);
  }
}

/** Largest first, what is not known last, ties by `tie` and then by index. */
function descending(count: number, key: (neuron: number) => number, tie?: (neuron: number) => number): Int32Array {
  const known = (value: number): number => (Number.isNaN(value) ? -Infinity : value);
  const keys = Float64Array.from({ length: count }, (_, i) => known(key(i)));
  const ties = Float64Array.from({ length: count }, (_, i) => known(tie?.(i) ?? 0));
  const compare = (a: number, b: number): number => (a === b ? 0 : b - a);
  return Int32Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => compare(keys[a]!, keys[b]!) || compare(ties[a]!, ties[b]!) || a - b,
  );
}

/** By Hedges' g, as `tensorboard_activis/query/arithmetic/effects.py` has it. */
function byDifference({ layer, statistics, n, neurons }: Whole, a: number, b: number) {
  // How many of the values are finite is not recorded.
  if (!layer.finite) throw notHere();
  const [mean, std, degrees] = [statistics.mean!, statistics.std!, n[a]! + n[b]! - 2];
  const shrink = correction(degrees);
  const difference = new Float64Array(neurons);
  const effect = new Float32Array(neurons);
  for (let neuron = 0; neuron < neurons; neuron++) {
    const [one, other] = [a * neurons + neuron, b * neurons + neuron];
    const by = mean[one]! - mean[other]!;
    difference[neuron] = by;
    const pooled = Math.sqrt((n[a]! * std[one]! ** 2 + n[b]! * std[other]! ** 2) / degrees);
    const least = 1e-6 * Math.max(Math.abs(mean[one]!), Math.abs(mean[other]!), 1e-30);
    const spread = Number.isFinite(pooled) && pooled > least;
    effect[neuron] = spread ? (by / pooled) * shrink : by === 0 ? 0 : NaN;
  }
  const none = effect.every(Number.isNaN);
  const key = (neuron: number): number => {
    const [g, by] = [effect[neuron]!, difference[neuron]!];
    if (Number.isNaN(by)) return -Infinity;
    if (none) return by;
    return Number.isNaN(g) ? (by > 0 ? Infinity : -Infinity) : g;
  };
  return { order: descending(neurons, key, (neuron) => difference[neuron]!), effect };
}

/** Hedges' correction for so many degrees of freedom: Γ(m/2) ÷ (√(m/2) Γ((m − 1)/2)). */
export function correction(degrees: number): number {
  if (!(degrees >= 1)) return NaN;
  if (degrees < 2) return 0;
  return Math.exp(logGamma(degrees / 2) - logGamma((degrees - 1) / 2)) / Math.sqrt(degrees / 2);
}

/** ln Γ(x) for x > 0, by Stirling's series beyond 15. */
function logGamma(x: number): number {
  let [shift, y] = [0, x];
  for (; y < 15; y++) shift += Math.log(y);
  const square = 1 / (y * y);
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / y;
  return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + series - shift;
}

/** As the route `history` answers, of the steps that are exported. `shown`: the place of the one that is asked about. */
export function recordedHistory(
  steps: readonly number[],
  matrices: readonly PromiseSettledResult<Matrix>[],
  rows: number,
  statistic: string,
  neuron: number | undefined,
  shown: number,
): History {
  const first = matrices[shown];
  if (first?.status !== "fulfilled") throw first?.reason ?? notHere();
  const width = neuron === undefined ? first.value.neurons : 1;
  const values = new Float32Array(steps.length * rows * width).fill(NaN);
  const n = new Float64Array(steps.length * rows).fill(-1);
  const found = matrices.map((one, place): HistoryStep => {
    const step = steps[place]!;
    if (one.status === "rejected") return { step, problem: String((one.reason as Error).message) };
    const { statistics, neurons } = one.value;
    // An instance that is not kept at a step has no values there, as a step that cannot be read.
    n.set(
      one.value.n.map((count, row) => (count === 0 && one.value.rows[row]!.source === "instance" ? -1 : count)),
      place * rows,
    );
    for (let row = 0; row < rows; row++) {
      const from = row * neurons + (neuron ?? 0);
      values.set(statistics[statistic]!.subarray(from, from + width), (place * rows + row) * width);
    }
    return { step, problem: null };
  });
  return { statistic, steps: found, n, values };
}
