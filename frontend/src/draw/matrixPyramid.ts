/** A max-magnitude pyramid over the sorted neurons, so that a single active neuron stays visible when zoomed out. */

import { type MatrixScale, onScale } from "./matrixScale";

/** Level of a value that is not finite. Other levels are −127 to 127. */
export const MISSING = -128;
/** In place of a level: the row's bytes are not there yet. */
export const ABSENT = 128;

/**
 * Level 0 is a row in sorted order, as bytes; each further level holds of two neighbours the one farther from zero.
 * Rows are computed when first drawn.
 */
export class Pyramid {
  readonly #rows: (Int8Array | undefined)[] = [];
  readonly #starts: number[] = [0];

  constructor(
    /** [rows, neurons]; bytes are colour levels already. */
    readonly values: Float32Array | Uint8Array,
    readonly order: Int32Array,
    readonly scale: MatrixScale,
    /** The rows that `values` has; all without it. */
    readonly drawn?: Int32Array,
  ) {
    for (let size = order.length; size > 1; size = (size + 1) >> 1) this.#starts.push(this.#starts.at(-1)! + size);
  }

  get neurons(): number {
    return this.order.length;
  }

  /** The value farthest from zero among the row's sorted positions `from` to `end` (exclusive), or ABSENT. */
  peak(row: number, from: number, end: number): number {
    const at = this.drawn && !this.#rows[row] ? this.drawn.indexOf(row) : row;
    if (at < 0) return ABSENT;
    this.#rows[row] ??= this.#make(at);
    const levels = this.#rows[row];
    const level = end - from <= 1 ? 0 : Math.min(31 - Math.clz32(end - from), this.#starts.length - 1);
    const start = this.#starts[level]!;
    let best = MISSING;
    for (let i = from >> level, last = (end - 1) >> level; i <= last; i++) best = farther(best, levels[start + i]!);
    return best;
  }

  #make(row: number): Int8Array {
    const { neurons, order, scale, values } = this;
    const levels = new Int8Array(this.#starts.at(-1)! + 1);
    for (let place = 0; place < neurons; place++) {
      const neuron = order[place]!;
      const value = values[row * neurons + neuron]!;
      levels[place] =
        values instanceof Uint8Array
          ? levelOf(value, scale.signed)
          : quantise(onScale(scale, value, neuron) / scale.end);
    }
    for (let level = 1, size = neurons; level < this.#starts.length; level++) {
      const [below, own] = [this.#starts[level - 1]!, this.#starts[level]!];
      for (let i = 0; 2 * i < size; i++) {
        const [left, right] = [levels[below + 2 * i]!, 2 * i + 1 < size ? levels[below + 2 * i + 1]! : MISSING];
        levels[own + i] = farther(left, right);
      }
      size = (size + 1) >> 1;
    }
    return levels;
  }
}

export function quantise(share: number): number {
  return Number.isNaN(share) ? MISSING : Math.round(Math.max(-1, Math.min(1, share)) * 127);
}

/** Converts the server's byte, 0 for missing, else 1 to 255 from −end (signed) or 0 to end. */
export function levelOf(byte: number, signed: boolean): number {
  return byte === 0 ? MISSING : signed ? byte - 128 : (byte - 1) >> 1;
}

/** The server's byte for a share of the scale's end; NaN is 0. */
export function byteOf(share: number, signed: boolean): number {
  if (Number.isNaN(share)) return 0;
  const low = signed ? -1 : 0;
  return 1 + Math.round(((Math.max(low, Math.min(1, share)) - low) / (1 - low)) * 254);
}

/** The value farther from zero. Any value wins over a missing one; of two equally far, the greater wins. */
function farther(a: number, b: number): number {
  if (a === MISSING) return b;
  if (b === MISSING) return a;
  const [p, q] = [Math.abs(a), Math.abs(b)];
  return p > q || (p === q && a > b) ? a : b;
}
