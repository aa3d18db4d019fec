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

const SMALLEST = 9;
const LARGEST = 32;

/** `names` is the width of the widest name in pixels. Cells fill the width and scroll if it is too small. */
export function layOutConfusion(classes: number, width: number, names: number): ConfusionLayout {
  // Swatch and name, and room for the heading above them.
  const left = Math.max(52, 25 + Math.min(names, 96) + 8);
  const cell = Math.max(SMALLEST, Math.min(LARGEST, Math.floor((width - left - 12) / Math.max(1, classes))));
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
