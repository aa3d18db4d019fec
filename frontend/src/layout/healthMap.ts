/** The map of training health: layers × columns of training steps. Its scale, rows, and where steps lie. */

/** How values become colours; what lies beyond an end has its colour. */
export interface HealthScale {
  low: number;
  high: number;
  log: boolean;
  /** Whether values lie below or above the ends. */
  below: boolean;
  above: boolean;
}

/** The share of the positive values that the colours leave out at either end, so that single ones do not pale the rest. */
const [LOWEST, HIGHEST] = [0.05, 0.995];
/** The most that the ends of a log scale lie apart. */
const RANGE = 1e8;

/** Shares are on a linear scale from 0, all others on a log scale from a power of ten. `roundUp`: rounds its upper end. */
export function healthScale(
  values: ArrayLike<number>,
  isShare: boolean,
  roundUp: (value: number) => number,
): HealthScale {
  const finite = Float64Array.from(values).filter(Number.isFinite).sort();
  const [least = 0, most = 0] = [finite[0], finite.at(-1)];
  if (isShare) return { low: 0, high: Math.min(1, roundUp(most)), log: false, below: false, above: most > 1 };
  const positive = finite.subarray(finite.findIndex((value) => value > 0));
  if (most <= 0) return { low: 0.1, high: 1, log: true, below: finite.length > 0, above: false };
  const at = (share: number): number => positive[Math.round(share * (positive.length - 1))]!;
  const high = roundUp(at(HIGHEST));
  const low = 10 ** Math.floor(Math.log10(Math.max(at(LOWEST), high / RANGE)) + 1e-9);
  return { low, high, log: true, below: least < low * (1 - 1e-6), above: most > high * (1 + 1e-6) };
}

/** Where a value lies on the scale, 0 to 1; NaN for NaN, infinite where it is not finite. */
export function healthLevel({ low, high, log }: HealthScale, value: number): number {
  if (!Number.isFinite(value)) return value;
  const level = log ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.max(0, Math.min(1, level));
}

/** A group of more layers than this is divided by the modules within it. */
const MOST = 8;

/** For each layer but the first, whether another module begins with it: a gap is before it. */
export function moduleStarts(names: readonly string[]): boolean[] {
  const paths = names.map((name) => name.split(/[./]/));
  const starts = names.map(() => false);
  const divide = (from: number, to: number, depth: number): void => {
    if (!paths.slice(from, to).some((path) => path.length > depth)) return;
    const firsts = [from];
    for (let i = from + 1; i < to; i++) if (paths[i]![depth] !== paths[i - 1]![depth]) firsts.push(i);
    firsts.forEach((first, k) => {
      const next = firsts[k + 1] ?? to;
      // Single layers that follow each other are no groups.
      if (k > 0 && (next - first > 1 || first - firsts[k - 1]! > 1)) starts[first] = true;
      if (next - first > MOST || (firsts.length === 1 && next - first > 1)) divide(first, next, depth + 1);
    });
  };
  divide(0, names.length, 0);
  return starts;
}

export interface HealthRows {
  tops: number[];
  /** Of a row. */
  row: number;
  /** Of all. */
  height: number;
}

/** Rows in pixels: the more layers, the lower they are, but never lower than their names. */
export function healthRows(names: readonly string[]): HealthRows {
  const [row, gap, between] = names.length <= 12 ? [24, 5, 7] : names.length <= 24 ? [18, 3, 6] : [16, 1, 5];
  let top = 0;
  const tops = moduleStarts(names).map((isStart, i) => {
    if (i > 0) top += row + gap + (isStart ? between : 0);
    return top;
  });
  return { tops, row, height: names.length > 0 ? top + row : 0 };
}

/** The row at `y`: the nearest one. */
export function rowAt({ tops, row }: HealthRows, y: number): number {
  let best = 0;
  tops.forEach((top, i) => {
    if (Math.abs(top + row / 2 - y) < Math.abs(tops[best]! + row / 2 - y)) best = i;
  });
  return best;
}

/** The column in which a training step lies, or the one before it; −1: before all of them. */
export function columnOf(steps: ArrayLike<number>, step: number): number {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! <= step) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Where a training step lies, 0 to 1 from the first column to the end of the last; NaN outside. */
export function shareOf(steps: ArrayLike<number>, last: number, step: number): number {
  const column = columnOf(steps, step);
  if (column < 0 || step > last) return NaN;
  const from = steps[column]!;
  const to = column + 1 < steps.length ? steps[column + 1]! : last + 1;
  return (column + Math.min(1, (step - from) / (to - from))) / steps.length;
}

/** The largest finite value of each row of [rows, columns] (NaN: none), and whether all that are there are finite. */
export function largestOf(values: ArrayLike<number>, rows: number): { value: number; finite: boolean }[] {
  const columns = rows > 0 ? values.length / rows : 0;
  return Array.from({ length: rows }, (_, row) => {
    let [value, finite] = [NaN, true];
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      const one = values[i]!;
      if (Math.abs(one) === Infinity) finite = false;
      else if (!(one <= value) && !Number.isNaN(one)) value = one;
    }
    return { value, finite };
  });
}

/** What a column stands for: "every 5 steps, the largest of them"; where columns differ, a number of measured steps. */
export function columnWords(steps: ArrayLike<number>, together: number): string {
  const spans = new Set(Array.from({ length: Math.max(0, steps.length - 1) }, (_, i) => steps[i + 1]! - steps[i]!));
  const [span] = spans;
  if (spans.size === 1 && span !== undefined && (together > 1 || span > 1))
    return `every ${span} steps${together > 1 ? ", the largest of them" : ""}`;
  return together > 1 ? `a column for ${together} measured steps, the largest of them` : "every measured step";
}
