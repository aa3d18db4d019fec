/** A linear axis with round tick values. */

/** Range of the axis and its ticks. */
export interface Axis {
  low: number;
  high: number;
  ticks: number[];
}

/**
 * An axis over all finite values, with about `count` ticks at 1, 2 or 5 times a power of ten, the first and last at the
 * ends.
 */
export function axisOver(values: Iterable<number>, count = 7): Axis {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = [0, 1];
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((lead) => lead * power >= rough * 0.999) ?? 10);
  const [from, to] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => Number(((from + i) * step).toPrecision(12)));
  return { low: from * step, high: to * step, ticks };
}

/** Pixel of a value between `left` and `right`. */
export function place({ low, high }: Axis, value: number, left: number, right: number): number {
  return left + ((value - low) / (high - low)) * (right - left);
}

/** At most that many ticks, so that labels fit; zero stays. */
export function thinned(ticks: number[], most: number): number[] {
  const every = Math.max(1, Math.ceil(ticks.length / Math.max(1, most)));
  const zero = Math.max(0, ticks.indexOf(0));
  return ticks.filter((_, i) => (i - zero) % every === 0);
}
