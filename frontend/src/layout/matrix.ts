/** Where things stand in a panel's matrix, in CSS pixels from the top left corner of its body. */

/** The columns that are seen, in places of the sorted order; both may be fractions. */
export interface ColumnView {
  first: number;
  span: number;
}

export interface Block {
  top: number;
  /** What is seen of it; less than count × rowHeight when it scrolls. */
  height: number;
  rowHeight: number;
  count: number;
}

export interface MatrixShape {
  /** First and last edge of the cells. */
  left: number;
  right: number;
  /** Bars of effect size above the columns: the line of zero and how far ±end lies from it. */
  effect: { zero: number; reach: number } | null;
  /** Rows of single instances, which stay while the rest scrolls. */
  pinned: Block;
  subsets: Block;
  top: number;
  bottom: number;
  /** Middle of the neurons' numbers below the columns. */
  ids: number;
}

export const LABELS = 120;
export const PINNED_ROW = 18;
export const LEAST_ROW = 14;
export const MOST_ROW = 40;
const EFFECT = 38;
const TOP = 8;
const BELOW = 28;
const APART = 6;
const SCROLLBAR = 10;

interface Room {
  width: number;
  height: number;
  pinned: number;
  subsets: number;
  effect: boolean;
  /** Width of the row labels. */
  labels?: number;
}

/**
 * Subset rows grow to fill the panel; below 14 px they scroll instead. Pinned rows keep their 18 px, and scroll before
 * they leave no room.
 */
export function matrixShape({ width, height, pinned, subsets, effect, labels = LABELS }: Room): MatrixShape {
  const top = effect ? EFFECT : TOP;
  const gap = pinned > 0 && subsets > 0 ? APART : 0;
  const room = Math.max(LEAST_ROW, height - top - BELOW - gap);
  const least = Math.min(subsets, 3) * LEAST_ROW;
  const pinnedRows = Math.min(pinned, Math.max(1, Math.floor((room - least) / PINNED_ROW)));
  const pinnedHeight = pinnedRows * PINNED_ROW;
  const rest = Math.max(0, room - pinnedHeight);
  const rowHeight = subsets > 0 ? Math.max(LEAST_ROW, Math.min(MOST_ROW, Math.floor(rest / subsets))) : LEAST_ROW;
  const wanted = subsets * rowHeight;
  const subsetHeight = Math.min(wanted, Math.max(rest, LEAST_ROW));
  const scrolls = wanted > subsetHeight || pinned > pinnedRows;
  const subsetTop = top + pinnedHeight + gap;
  const bottom = subsets > 0 ? subsetTop + subsetHeight : top + pinnedHeight;
  return {
    left: labels,
    right: Math.max(labels + 1, width - (scrolls ? SCROLLBAR : 2)),
    effect: effect ? { zero: 18, reach: 15 } : null,
    pinned: { top, height: pinnedHeight, rowHeight: PINNED_ROW, count: pinned },
    subsets: { top: subsetTop, height: subsetHeight, rowHeight, count: subsets },
    top,
    bottom,
    ids: bottom + 9,
  };
}

/** Rows of a scrolled block that are seen, whole or in part. */
export function visibleRows({ height, rowHeight, count }: Block, scroll: number): { first: number; end: number } {
  return {
    first: Math.max(0, Math.floor(scroll / rowHeight)),
    end: Math.min(count, Math.ceil((scroll + height) / rowHeight)),
  };
}

/** Scroll that shows the row, moved as little as possible. */
export function scrollTo({ height, rowHeight }: Block, scroll: number, row: number): number {
  return Math.max(Math.min(scroll, row * rowHeight), (row + 1) * rowHeight - height, 0);
}

const LEAST_SPAN = 8;

export function clampView({ first, span }: ColumnView, neurons: number): ColumnView {
  const wide = Math.min(neurons, Math.max(Math.min(LEAST_SPAN, neurons), span));
  return { first: Math.max(0, Math.min(first, neurons - wide)), span: wide };
}

/** `factor` above 1 comes closer; what lies at `share` (0..1) of the width stays there. */
export function zoomView(view: ColumnView, neurons: number, factor: number, share: number): ColumnView {
  const span = Math.min(neurons, Math.max(Math.min(LEAST_SPAN, neurons), view.span / factor));
  return clampView({ first: view.first + (view.span - span) * share, span }, neurons);
}

export function placeToX(shape: MatrixShape, view: ColumnView, place: number): number {
  return shape.left + ((place - view.first) / view.span) * (shape.right - shape.left);
}

export function xToPlace(shape: MatrixShape, view: ColumnView, x: number): number {
  return view.first + ((x - shape.left) / (shape.right - shape.left)) * view.span;
}

export interface Hit {
  /** Which rows; null above and below them. */
  block: "pinned" | "subsets" | null;
  /** Place within the block, -1 for none. */
  row: number;
  /** Place of the column in the sorted order, -1 left of the cells. */
  place: number;
}

/** What lies under a point. The bars above and the numbers below belong to their column. */
export function hit(
  shape: MatrixShape,
  view: ColumnView,
  neurons: number,
  scroll: { pinned: number; subsets: number },
  x: number,
  y: number,
): Hit | null {
  const place =
    x < shape.left || x >= shape.right ? -1 : Math.min(neurons - 1, Math.max(0, Math.floor(xToPlace(shape, view, x))));
  if (x >= shape.right) return null;
  for (const block of ["pinned", "subsets"] as const) {
    const { top, height, rowHeight, count } = shape[block];
    if (y < top || y >= top + height) continue;
    const row = Math.floor((y - top + scroll[block]) / rowHeight);
    if (row < count) return { block, row, place };
  }
  return place >= 0 && (y < shape.top || (y >= shape.bottom && y < shape.bottom + 20))
    ? { block: null, row: -1, place }
    : null;
}

/** Every how many columns a number fits below them. */
export function tickStep(columnWidth: number, labelWidth: number): number {
  const least = (labelWidth + 16) / columnWidth;
  if (least <= 12) return Math.max(1, Math.ceil(least));
  const power = 10 ** Math.floor(Math.log10(least));
  return (([1, 2, 5, 10] as const).find((lead) => lead * power >= least) ?? 10) * power;
}
