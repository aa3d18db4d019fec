/**
 * Marks of instances in a block per class (or bin): those predicted right on the left, the wrong ones on the right. All
 * in pixels.
 */

export interface Group {
  /** Rows in the order in which they are drawn. */
  right: Int32Array;
  wrong: Int32Array;
}

export interface Side {
  rows: Int32Array;
  /** Instances that one mark stands for. */
  per: number;
  /** The part of `rows` that is drawn: all, or one page. */
  from: number;
  to: number;
}

export interface Block {
  group: number;
  top: number;
  height: number;
  right: Side;
  wrong: Side;
  /** Pages of the wrong side, and the one shown. */
  pages: number;
  page: number;
}

export interface Classes {
  blocks: Block[];
  height: number;
  pitch: number;
  mark: number;
  rightX: number;
  wrongX: number;
  rightColumns: number;
  /** 0: there is no wrong side. */
  wrongColumns: number;
}

/** From a block's top to its first mark. */
export const PAD = 5;
const GAP = 10;
/** A block of more marks is no longer read mark by mark. */
export const MOST = 200;
/** Lines of marks that such a block keeps to, and that every block has room for. */
const LINES = 4;
/** Height of the line that turns the pages. */
export const PAGER = 14;

/**
 * Rows of each class split by right and wrong (unknown counts as right), each sorted by falling score. The last group
 * holds those without a class.
 */
export function byClass(
  label: ArrayLike<number>,
  correct: ArrayLike<number>,
  score: ArrayLike<number>,
  classes: number,
): Group[] {
  const sides = Array.from({ length: classes + 1 }, (): [number[], number[]] => [[], []]);
  for (let row = 0; row < label.length; row++) {
    const own = label[row] as number;
    sides[own >= 0 && own < classes ? own : classes]?.[correct[row] === 0 ? 1 : 0].push(row);
  }
  const sorted = (rows: number[]): Int32Array => byFalling(Int32Array.from(rows), score);
  const groups = sides.map(([right, wrong]) => ({ right: sorted(right), wrong: sorted(wrong) }));
  const rest = groups.at(-1);
  return rest && rest.right.length + rest.wrong.length === 0 ? groups.slice(0, -1) : groups;
}

/** Sorts rows by their value (as float32), largest first; those without one last, ties in row order. */
export function byFalling(rows: Int32Array, values: ArrayLike<number>): Int32Array {
  // Row and value as one whole number of 64 bits, little-endian: sorted without a function, a million in a tenth of the
  // time.
  const keys = new Uint32Array(2 * rows.length);
  const float = new Float32Array(1);
  const bits = new Int32Array(float.buffer);
  rows.forEach((row, i) => {
    const value = values[row] as number;
    float[0] = Number.isNaN(value) ? Infinity : 0 - value;
    keys[2 * i] = row;
    // Bits of floats rise with them, but for those below zero.
    keys[2 * i + 1] = bits[0]! < 0 ? ~bits[0]! : bits[0]! ^ 0x80000000;
  });
  new BigUint64Array(keys.buffer).sort();
  return rows.map((_, i) => keys[2 * i] as number);
}

export interface Bins {
  edges: number[];
  groups: Group[];
}

/** Targets of a regression in about ten bins between round edges; each sorted by falling signed error. */
export function byTarget(target: ArrayLike<number>, error: ArrayLike<number>): Bins {
  let [low, high] = [Infinity, -Infinity];
  for (let row = 0; row < target.length; row++) {
    const value = target[row] as number;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(low <= high) || !Number.isFinite(high - low)) return { edges: [], groups: [] };
  const step = roundStep((high - low || 1) / 10);
  const first = Math.floor(low / step);
  const count = Math.max(1, Math.ceil(high / step) - first);
  const bins = Array.from({ length: count }, (): number[] => []);
  for (let row = 0; row < target.length; row++) {
    const bin = Math.floor((target[row] as number) / step) - first;
    // The largest value may lie on the last edge.
    bins[Math.min(bin, count - 1)]?.push(row);
  }
  return {
    edges: Array.from({ length: count + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12))),
    groups: bins.map((rows) => ({ right: byFalling(Int32Array.from(rows), error), wrong: new Int32Array(0) })),
  };
}

function roundStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((lead) => lead * power >= value * (1 - 1e-9)) ?? 10);
}

/** How many instances a mark stands for, so that `count` of them need at most `room` marks: 1, 2, 5, 10, 20, 50 … */
export function perMark(count: number, room: number): number {
  const least = count / Math.max(1, room);
  if (least <= 1) return 1;
  return roundStep(least);
}

/**
 * `label` is the width that names need, `pages` the page chosen per group. `twoSided`: there are right and wrong ones.
 */
export function layOut(
  groups: readonly Group[],
  width: number,
  pitch: number,
  label: number,
  twoSided: boolean,
  pages: ReadonlyMap<number, number> = new Map(),
): Classes {
  const rightX = 12 + label;
  const total = Math.max(8, Math.floor((width - rightX - (twoSided ? GAP : 0) - 8) / pitch));
  const wrongColumns = twoSided ? Math.max(4, Math.round((total * 8) / 34)) : 0;
  const rightColumns = Math.max(1, total - wrongColumns);
  let top = 0;
  const blocks = groups.map(({ right, wrong }, group): Block => {
    const crowded = right.length + wrong.length > MOST;
    const per = crowded ? perMark(right.length, rightColumns * LINES) : 1;
    const size = Math.max(1, wrongColumns * LINES);
    const count = crowded ? Math.max(1, Math.ceil(wrong.length / size)) : 1;
    const page = Math.max(0, Math.min(pages.get(group) ?? 0, count - 1));
    const shown =
      count > 1 ? { from: page * size, to: Math.min(wrong.length, (page + 1) * size) } : { from: 0, to: wrong.length };
    const lines = Math.max(
      LINES,
      Math.ceil(right.length / per / rightColumns),
      wrongColumns > 0 ? Math.ceil((shown.to - shown.from) / wrongColumns) : 0,
    );
    const height = lines * pitch + pitch + 5 + (count > 1 ? PAGER : 0);
    const block = {
      group,
      top,
      height,
      page,
      pages: count,
      right: { rows: right, per, from: 0, to: right.length },
      wrong: { rows: wrong, per: 1, ...shown },
    };
    top += height;
    return block;
  });
  return {
    blocks,
    height: top,
    pitch,
    mark: pitch - 1,
    rightX,
    wrongX: rightX + rightColumns * pitch + GAP,
    rightColumns,
    wrongColumns,
  };
}

/** The blocks that are seen between two heights. */
export function visible({ blocks }: Classes, from: number, to: number): Block[] {
  return blocks.slice(blockIndex(blocks, from), blockIndex(blocks, to) + 1);
}

/** The last block that starts at or above y. */
function blockIndex(blocks: readonly Block[], y: number): number {
  let [low, high] = [0, blocks.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((blocks[middle] as Block).top <= y) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}

export interface Hit {
  block: Block;
  side: "right" | "wrong" | null;
  /** The instances of the mark that was hit; empty beside the marks. */
  rows: Int32Array;
}

export function hitAt(classes: Classes, x: number, y: number): Hit | null {
  const block = classes.blocks[blockIndex(classes.blocks, y)];
  if (!block || y < 0 || y >= block.top + block.height) return null;
  const { pitch, rightX, wrongX, rightColumns, wrongColumns } = classes;
  const line = Math.floor((y - block.top - PAD) / pitch);
  const none = { block, side: null, rows: new Int32Array(0) };
  if (line < 0) return none;
  for (const [side, left, columns] of [
    ["right", rightX, rightColumns],
    ["wrong", wrongX, wrongColumns],
  ] as const) {
    const column = Math.floor((x - left) / pitch);
    if (column < 0 || column >= columns) continue;
    const { rows, per, from, to } = block[side];
    const start = from + (line * columns + column) * per;
    return start < to ? { block, side, rows: rows.subarray(start, Math.min(to, start + per)) } : none;
  }
  return none;
}

/** Left and top of a side's mark by its place in the drawn order. */
export function markAt(
  classes: Classes,
  block: Block,
  side: "right" | "wrong",
  mark: number,
): { x: number; y: number } {
  const [left, columns] =
    side === "right" ? [classes.rightX, classes.rightColumns] : [classes.wrongX, classes.wrongColumns];
  return {
    x: left + (mark % columns) * classes.pitch,
    y: block.top + PAD + Math.floor(mark / columns) * classes.pitch,
  };
}

/** Where an instance's mark is; null when it is on another page, or nowhere. */
export function placeOf(classes: Classes, row: number): { x: number; y: number; block: Block } | null {
  for (const block of classes.blocks) {
    for (const side of ["right", "wrong"] as const) {
      const { rows, per, from, to } = block[side];
      const index = rows.indexOf(row);
      if (index < 0) continue;
      return index >= from && index < to
        ? { ...markAt(classes, block, side, Math.floor((index - from) / per)), block }
        : null;
    }
  }
  return null;
}
