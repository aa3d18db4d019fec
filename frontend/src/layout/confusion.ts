/** Counts of label by prediction, and the layout of the confusion matrix. */

/** [classes, classes], row-major: label, then prediction. Instances that lack one of them are not counted. */
export function confusion(label: ArrayLike<number>, prediction: ArrayLike<number>, classes: number): Int32Array {
  const counts = new Int32Array(classes * classes);
  for (let row = 0; row < label.length; row++) {
    const [labelled, predicted] = [label[row] as number, prediction[row] as number];
    if (labelled >= 0 && labelled < classes && predicted >= 0 && predicted < classes)
      counts[labelled * classes + predicted]!++;
  }
  return counts;
}

/**
 * The classes that are taken for others, or others for them, ordered so that those that are taken for each other stand
 * together: blocks with most errors first, then classes whose errors are scattered. `counts` are [classes, classes].
 */
export function orderByConfusion(counts: Int32Array, classes: number): number[] {
  const pairs: { a: number; b: number; errors: number }[] = [];
  const errors = new Int32Array(classes);
  for (let a = 0; a < classes; a++)
    for (let b = a + 1; b < classes; b++) {
      const both = counts[a * classes + b]! + counts[b * classes + a]!;
      if (both === 0) continue;
      pairs.push({ a, b, errors: both });
      errors[a]! += both;
      errors[b]! += both;
    }
  pairs.sort((one, other) => other.errors - one.errors);
  // Joined are blocks between which there is a pair at least half as frequent as the most frequent one inside of them.
  const blocks = Array.from({ length: classes }, (_, own) => ({ members: [own], strongest: 0 }));
  for (const { a, b, errors: both } of pairs) {
    const [one, other] = [blocks[a]!, blocks[b]!];
    if (one === other || 2 * both < Math.max(one.strongest, other.strongest)) continue;
    // The most frequent pair comes first.
    const [first, second] = other.strongest > one.strongest ? [other, one] : [one, other];
    first.strongest = Math.max(first.strongest, both);
    first.members.push(...second.members);
    for (const member of second.members) blocks[member] = first;
  }
  const inside = new Map(blocks.map((block) => [block, 0]));
  for (const { a, b, errors: both } of pairs) {
    const block = blocks[a]!;
    if (block === blocks[b]) inside.set(block, inside.get(block)! + both);
  }
  return [...inside.keys()]
    .sort((a, b) => inside.get(b)! - inside.get(a)! || errors[b.members[0]!]! - errors[a.members[0]!]!)
    .flatMap(({ members }) => members)
    .filter((member) => errors[member]! > 0);
}

/** The largest count off the diagonal, which is the end of the colour scale: the diagonal would flatten all else. */
export function mostConfused(counts: Int32Array, classes: number): number {
  return counts.reduce(
    (most, count, cell) => (Math.floor(cell / classes) !== cell % classes && count > most ? count : most),
    0,
  );
}

export interface ConfusionLayout {
  left: number;
  top: number;
  cell: number;
  classes: number;
  width: number;
  height: number;
  /** Whether the names above the columns are vertical, because they are wider than a cell. */
  upright: boolean;
}

/** Cells so small show blocks; those of `READABLE` have a name each. */
const SMALLEST = 9;
export const READABLE = 14;
const LARGEST = 32;

/**
 * `names` is the width of the widest name in pixels. Cells fill the width; where they would be smaller than `smallest`,
 * they scroll.
 */
export function layOutConfusion(classes: number, width: number, names: number, smallest = SMALLEST): ConfusionLayout {
  // Swatch and name, and room for the heading above them.
  const left = Math.max(52, 25 + Math.min(names, 96) + 8);
  const cell = Math.max(smallest, Math.min(LARGEST, Math.floor((width - left - 12) / Math.max(1, classes))));
  const upright = names > cell - 2;
  const top = 20 + (upright ? Math.min(names, 96) + 6 : 18);
  return { left, top, cell, classes, width: left + cell * classes + 12, height: top + cell * classes + 12, upright };
}

export interface CellHit {
  label: number | null;
  prediction: number | null;
}

/** The cell under a point: label and prediction; one of them in the heading of a row or column; null outside. */
export function cellAt({ left, top, cell, classes }: ConfusionLayout, x: number, y: number): CellHit | null {
  const place = (from: number, at: number): number | null => {
    const index = Math.floor((at - from) / cell);
    return index >= 0 && index < classes ? index : null;
  };
  const label = y >= top ? place(top, y) : null;
  const prediction = x >= left ? place(left, x) : null;
  if (x < left) return label === null ? null : { label, prediction: null };
  if (y < top) return prediction === null ? null : { label: null, prediction };
  return label === null || prediction === null ? null : { label, prediction };
}

/** The instances in a cell, a row or a column. */
export function indicesIn(label: ArrayLike<number>, prediction: ArrayLike<number>, hit: CellHit): Int32Array {
  const indices: number[] = [];
  for (let index = 0; index < label.length; index++) {
    if (
      (hit.label === null || label[index] === hit.label) &&
      (hit.prediction === null || prediction[index] === hit.prediction)
    )
      indices.push(index);
  }
  return Int32Array.from(indices);
}
