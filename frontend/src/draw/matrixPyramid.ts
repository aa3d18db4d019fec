import { type MatrixScale, onScale } from "./matrixScale";

/** A level of colour from −127 to 127, or this for a value that is not finite. */
export const MISSING = -128;

/**
 * One row in sorted order as bytes, and above it ever shorter rows that hold of two neighbours the one farther from
 * zero: zoomed out, a single hot neuron survives. Rows are made when first seen, so that a thousand of them cost what a
 * screen of them does.
 */
export class Pyramid {
  readonly #rows: (Int8Array | undefined)[] = [];
  readonly #starts: number[] = [0];

  constructor(
    /** [rows, neurons]; bytes are on the scale already. */
    readonly values: Float32Array | Uint8Array,
    readonly order: Int32Array,
    readonly scale: MatrixScale,
  ) {
    for (let size = order.length; size > 1; size = (size + 1) >> 1) this.#starts.push(this.#starts.at(-1)! + size);
  }

  get neurons(): number {
    return this.order.length;
  }

  /** Levels of the row's neurons at the places `from` to `end` (exclusive): the one farthest from zero. */
  peak(row: number, from: number, end: number): number {
    this.#rows[row] ??= this.#make(row);
    const cells = this.#rows[row];
    const level = end - from <= 1 ? 0 : Math.min(31 - Math.clz32(end - from), this.#starts.length - 1);
    const start = this.#starts[level]!;
    let best = MISSING;
    for (let i = from >> level, last = (end - 1) >> level; i <= last; i++) best = farther(best, cells[start + i]!);
    return best;
  }

  #make(row: number): Int8Array {
    const { neurons, order, scale, values } = this;
    const cells = new Int8Array(this.#starts.at(-1)! + 1);
    for (let place = 0; place < neurons; place++) {
      const neuron = order[place]!;
      const value = values[row * neurons + neuron]!;
      cells[place] =
        values instanceof Uint8Array
          ? levelOf(value, scale.signed)
          : quantise(onScale(scale, value, neuron) / scale.end);
    }
    for (let level = 1, size = neurons; level < this.#starts.length; level++) {
      const [below, own] = [this.#starts[level - 1]!, this.#starts[level]!];
      for (let i = 0; 2 * i < size; i++) {
        const [left, right] = [cells[below + 2 * i]!, 2 * i + 1 < size ? cells[below + 2 * i + 1]! : MISSING];
        cells[own + i] = farther(left, right);
      }
      size = (size + 1) >> 1;
    }
    return cells;
  }
}

export function quantise(share: number): number {
  return Number.isNaN(share) ? MISSING : Math.round(Math.max(-1, Math.min(1, share)) * 127);
}

/** Of a byte that is 0 where nothing is known, else 1 to 255 from −end (signed) or 0 to end. */
export function levelOf(byte: number, signed: boolean): number {
  return byte === 0 ? MISSING : signed ? byte - 128 : (byte - 1) >> 1;
}

/** Missing loses against everything; of two that are equally far from zero, the greater wins. */
function farther(a: number, b: number): number {
  if (a === MISSING) return b;
  if (b === MISSING) return a;
  const [p, q] = [Math.abs(a), Math.abs(b)];
  return p > q || (p === q && a > b) ? a : b;
}
