/**
 * Layout of the Classes tab, in pixels: a block per class or bin, right predictions on the left, wrong ones on the
 * right.
 */

export interface Group {
  /** Rows in drawing order. */
  right: Int32Array;
  wrong: Int32Array;
}

export interface Block extends Group {
  group: number;
  top: number;
  height: number;
}

export interface Classes {
  blocks: Block[];
  height: number;
  /** Number of instances that every mark stands for; the last one of a side may stand for fewer. */
  per: number;
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
/** The most marks of a block that can be told apart, and of all blocks together where these are few. */
export const MOST = 200;
const MOST_OF_ALL = 1200;
/** Minimum number of mark lines of every block, which leave room for its name and its accuracy. */
const LINES = 4;
/** The least columns of a side. */
const NARROWEST = 4;

/**
 * The indices of each class's instances, split by right and wrong (unknown counts as right) and sorted by descending score. The last
 * group has those without a class.
 */
export function byClass(
  label: ArrayLike<number>,
  correct: ArrayLike<number>,
  score: ArrayLike<number>,
  classes: number,
): Group[] {
  const sides = Array.from({ length: classes + 1 }, (): [number[], number[]] => [[], []]);
  for (let index = 0; index < label.length; index++) {
    const own = label[index] as number;
    sides[own >= 0 && own < classes ? own : classes]?.[correct[index] === 0 ? 1 : 0].push(index);
  }
  const sorted = (indices: number[]): Int32Array => byFalling(Int32Array.from(indices), score);
  const groups = sides.map(([right, wrong]) => ({ right: sorted(right), wrong: sorted(wrong) }));
  const rest = groups.at(-1);
  return rest && rest.right.length + rest.wrong.length === 0 ? groups.slice(0, -1) : groups;
}

/** Sorts indices of instances by their value (as float32), largest first; those without a value last, ties in index order. */
export function byFalling(indices: Int32Array, values: ArrayLike<number>): Int32Array {
  // Row and value combined into a 64-bit integer, little-endian: sorting without a comparison function takes a tenth of
  // the time.
  const keys = new Uint32Array(2 * indices.length);
  const float = new Float32Array(1);
  const bits = new Int32Array(float.buffer);
  indices.forEach((index, i) => {
    const value = values[index] as number;
    float[0] = Number.isNaN(value) ? Infinity : 0 - value;
    keys[2 * i] = index;
    // The bits of floats sort like the floats, except for negative ones.
    keys[2 * i + 1] = bits[0]! < 0 ? ~bits[0]! : bits[0]! ^ 0x80000000;
  });
  new BigUint64Array(keys.buffer).sort();
  return indices.map((_, i) => keys[2 * i] as number);
}

export interface Bins {
  edges: number[];
  groups: Group[];
}

/** Regression targets in about ten bins with round edges; each sorted by descending signed error. */
export function byTarget(target: ArrayLike<number>, error: ArrayLike<number>): Bins {
  let [low, high] = [Infinity, -Infinity];
  for (let index = 0; index < target.length; index++) {
    const value = target[index] as number;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(low <= high) || !Number.isFinite(high - low)) return { edges: [], groups: [] };
  const step = roundStep((high - low || 1) / 10);
  const first = Math.floor(low / step);
  const count = Math.max(1, Math.ceil(high / step) - first);
  const bins = Array.from({ length: count }, (): number[] => []);
  for (let index = 0; index < target.length; index++) {
    const bin = Math.floor((target[index] as number) / step) - first;
    // The largest value may equal the last edge.
    bins[Math.min(bin, count - 1)]?.push(index);
  }
  return {
    edges: Array.from({ length: count + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12))),
    groups: bins.map((indices) => ({ right: byFalling(Int32Array.from(indices), error), wrong: new Int32Array(0) })),
  };
}

function roundStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((lead) => lead * power >= value * (1 - 1e-9)) ?? 10);
}

/** Instances per mark, so that `count` instances need at most `room` marks: 1, 2, 5, 10, 20, 50 … */
export function perMark(count: number, room: number): number {
  const least = count / Math.max(1, room);
  if (least <= 1) return 1;
  return roundStep(least);
}

/** Room of a block beyond its marks, so that right and wrong may share the width in many ways. */
const SLACK = 1.2;

/**
 * `label` is the width of the names. `twoSided`: right and wrong predictions are separate, and share the width as their
 * largest blocks need it. `order` has the groups that come first, in their order.
 *
 * A block is as high as the number of its instances asks for, however many of them are right: it stays where it is when
 * another step is shown. Where no way to share the width has room for all, a mark stands for more instances.
 */
export function layOut(
  groups: readonly Group[],
  width: number,
  pitch: number,
  label: number,
  twoSided: boolean,
  order: readonly number[] = [],
): Classes {
  const rightX = 12 + label;
  const total = Math.max(8, Math.floor((width - rightX - (twoSided ? GAP : 0) - 8) / pitch));
  const filled = groups.filter(({ right, wrong }) => right.length + wrong.length > 0);
  const most = Math.max(0, ...filled.map(({ right, wrong }) => right.length + wrong.length));
  const least = perMark(most, Math.max(MOST, MOST_OF_ALL / Math.max(1, filled.length)));
  const linesOf = ({ right, wrong }: Group): number =>
    Math.max(LINES, Math.ceil(((twoSided ? SLACK : 1) * (right.length + wrong.length)) / least / total));
  const { per, wrongColumns } = twoSided ? shared(filled, total, least, linesOf) : { per: least, wrongColumns: 0 };
  const rightColumns = Math.max(1, total - wrongColumns);
  let top = 0;
  // Groups that are not in the order come last.
  const shownOrder = [...new Set([...order, ...groups.keys()])].filter((group) => groups[group]);
  const blocks = shownOrder.map((group): Block => {
    const { right, wrong } = groups[group] as Group;
    const height = linesOf(groups[group] as Group) * pitch + pitch + 5;
    const block = { group, top, height, right, wrong };
    top += height;
    return block;
  });
  return {
    blocks,
    height: top,
    per,
    pitch,
    mark: pitch - 1,
    rightX,
    wrongX: rightX + rightColumns * pitch + GAP,
    rightColumns,
    wrongColumns,
  };
}

/** How right and wrong share the columns, and how many instances a mark stands for, at least `per`. */
function shared(
  groups: readonly Group[],
  columns: number,
  per: number,
  linesOf: (group: Group) => number,
): { per: number; wrongColumns: number } {
  const most = (side: "right" | "wrong", size: (group: Group) => number): number =>
    Math.max(0, ...groups.map((group) => Math.ceil(Math.ceil(group[side].length / per) / size(group))));
  const least = (side: "right" | "wrong"): number => Math.max(NARROWEST, most(side, linesOf));
  const [wrong, right] = [least("wrong"), least("right")];
  if (wrong + right > columns && (most("wrong", () => 1) > 1 || most("right", () => 1) > 1))
    return shared(groups, columns, roundStep(per * 1.01), linesOf);
  const [rightMarks, wrongMarks] = [most("right", () => 1), most("wrong", () => 1)];
  const wanted = Math.round((columns * wrongMarks) / Math.max(1, rightMarks + wrongMarks));
  return { per, wrongColumns: Math.max(wrong, Math.min(columns - right, wanted)) };
}

/** The blocks between two heights. */
export function visible({ blocks }: Classes, from: number, to: number): Block[] {
  return blocks.slice(blockIndex(blocks, from), blockIndex(blocks, to) + 1);
}

/** Index of the last block that starts at or above y. */
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
  /** The instances of the mark that was hit; empty between marks. */
  indices: Int32Array;
}

export function hitAt(classes: Classes, x: number, y: number): Hit | null {
  const block = classes.blocks[blockIndex(classes.blocks, y)];
  if (!block || y < 0 || y >= block.top + block.height) return null;
  const { per, pitch, rightX, wrongX, rightColumns, wrongColumns } = classes;
  const line = Math.floor((y - block.top - PAD) / pitch);
  const none = { block, side: null, indices: new Int32Array(0) };
  if (line < 0) return none;
  for (const [side, left, columns] of [
    ["right", rightX, rightColumns],
    ["wrong", wrongX, wrongColumns],
  ] as const) {
    const column = Math.floor((x - left) / pitch);
    if (column < 0 || column >= columns) continue;
    const start = (line * columns + column) * per;
    return start < block[side].length ? { block, side, indices: block[side].subarray(start, start + per) } : none;
  }
  return none;
}

/** Left and top of a mark, by its index on its side of the block. */
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

/** Position of an instance's mark; null if it has none. */
export function placeOf(classes: Classes, index: number): { x: number; y: number; block: Block } | null {
  for (const block of classes.blocks) {
    for (const side of ["right", "wrong"] as const) {
      const at = block[side].indexOf(index);
      if (at >= 0) return { ...markAt(classes, block, side, Math.floor(at / classes.per)), block };
    }
  }
  return null;
}
