/** Layout of a matrix, in CSS pixels from the top left corner of its body; scrolling, zooming and hit testing. */

/** The visible columns, as sorted positions; both may be fractions. */
export interface ColumnView {
  first: number;
  span: number;
}

/** The blocks of rows, from the top down. */
export const BLOCKS = ["pinned", "typed", "subsets"] as const;
export type BlockName = (typeof BLOCKS)[number];

export interface Block {
  top: number;
  /** The visible height; less than count × rowHeight if the block scrolls. */
  height: number;
  rowHeight: number;
  count: number;
}

export interface MatrixShape {
  /** Left and right edge of the cells. */
  left: number;
  right: number;
  /** Effect size bars above the columns: y of zero, and the distance of ±end from it. */
  effect: { zero: number; reach: number } | null;
  /** Rows of single instances, and what is typed, which do not scroll with the subsets. */
  pinned: Block;
  typed: Block;
  subsets: Block;
  top: number;
  bottom: number;
  /** Centre of the neuron numbers below the columns. */
  ids: number;
}

export const LABELS = 120;
export const PINNED_ROW = 18;
export const LEAST_ROW = 13;
export const MOST_ROW = 40;
const EFFECT = 38;
const TOP = 8;
const BELOW = 20;
const APART = 6;
/** Below what is typed, which is framed. */
const APART_TYPED = 3;
const FOLD = 20;
const SCROLLBAR = 10;

interface Room {
  width: number;
  height: number;
  pinned: number;
  /** Whether what is typed is shown. */
  typed?: boolean;
  subsets: number;
  effect: boolean;
  /** Width of the row labels. */
  labels?: number;
}

/**
 * Subset rows grow to fill the panel; below 13 px they scroll instead. Pinned rows are 18 px high, and scroll if they
 * would take all the room.
 */
export function matrixShape({
  width,
  height,
  pinned,
  typed = false,
  subsets,
  effect,
  labels = LABELS,
}: Room): MatrixShape {
  const top = effect ? EFFECT : TOP;
  const least = Math.min(subsets, 3) * LEAST_ROW;
  const roomWith = (gap: number): number => Math.max(LEAST_ROW, height - top - BELOW - gap);
  const rowsWith = (gap: number): number =>
    Math.min(pinned, Math.max(1, Math.floor((roomWith(gap) - least) / PINNED_ROW)));
  const apart = pinned > 0 && subsets > 0 ? APART : 0;
  // Below pinned rows that scroll, a line says how many are out of sight.
  const gap = rowsWith(apart) < pinned ? FOLD : apart;
  const [room, pinnedRows] = [roomWith(gap), rowsWith(gap)];
  const pinnedHeight = pinnedRows * PINNED_ROW;
  const typedHeight = typed
    ? Math.max(PINNED_ROW, Math.min(MOST_ROW, Math.floor((room - pinnedHeight) / (subsets + 1))))
    : 0;
  const typedSpace = typed ? typedHeight + APART_TYPED : 0;
  const remaining = Math.max(0, room - pinnedHeight - typedSpace);
  const rowHeight = subsets > 0 ? Math.max(LEAST_ROW, Math.min(MOST_ROW, Math.floor(remaining / subsets))) : LEAST_ROW;
  const fullHeight = subsets * rowHeight;
  const subsetHeight = Math.min(fullHeight, Math.max(remaining, LEAST_ROW));
  const scrolls = fullHeight > subsetHeight || pinned > pinnedRows;
  const typedTop = top + pinnedHeight + gap;
  const subsetTop = typedTop + typedSpace;
  const bottom = subsets > 0 ? subsetTop + subsetHeight : typed ? typedTop + typedHeight : top + pinnedHeight;
  return {
    left: labels,
    right: Math.max(labels + 1, width - (scrolls ? SCROLLBAR : 2)),
    effect: effect ? { zero: 18, reach: 15 } : null,
    pinned: { top, height: pinnedHeight, rowHeight: PINNED_ROW, count: pinned },
    typed: { top: typedTop, height: typedHeight, rowHeight: typedHeight || PINNED_ROW, count: typed ? 1 : 0 },
    subsets: { top: subsetTop, height: subsetHeight, rowHeight, count: subsets },
    top,
    bottom,
    ids: bottom + 9,
  };
}

/** The rows of a scrolled block that are visible, fully or in part. */
export function visibleRows({ height, rowHeight, count }: Block, scroll: number): { first: number; end: number } {
  return {
    first: Math.max(0, Math.floor(scroll / rowHeight)),
    end: Math.min(count, Math.ceil((scroll + height) / rowHeight)),
  };
}

/** How many rows of a block are out of sight, below and above, counting those that are cut in half. */
export function hiddenRows({ height, rowHeight, count }: Block, scroll: number): { below: number; above: number } {
  return {
    below: count - Math.floor((scroll + height + 1) / rowHeight),
    above: Math.max(0, Math.ceil((scroll - 1) / rowHeight)),
  };
}

/** The scroll position nearest to the current one that shows the row. */
export function scrollTo({ height, rowHeight }: Block, scroll: number, row: number): number {
  return Math.max(Math.min(scroll, row * rowHeight), (row + 1) * rowHeight - height, 0);
}

const LEAST_SPAN = 8;

export function clampView({ first, span }: ColumnView, neurons: number): ColumnView {
  const wide = Math.min(neurons, Math.max(Math.min(LEAST_SPAN, neurons), span));
  return { first: Math.max(0, Math.min(first, neurons - wide)), span: wide };
}

/** Zooms in for a `factor` above 1; the position at `share` (0..1) of the width stays in place. */
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
  /** The block; null above and below. */
  block: BlockName | null;
  /** Row within the block, -1 for none. */
  row: number;
  /** Sorted position of the column, -1 left of the cells. */
  place: number;
}

/** The cell under a point. Bars above and numbers below belong to their column. */
export function hit(
  shape: MatrixShape,
  view: ColumnView,
  neurons: number,
  scroll: Readonly<Partial<Record<BlockName, number>>>,
  x: number,
  y: number,
): Hit | null {
  const place =
    x < shape.left || x >= shape.right ? -1 : Math.min(neurons - 1, Math.max(0, Math.floor(xToPlace(shape, view, x))));
  if (x >= shape.right) return null;
  for (const block of BLOCKS) {
    const { top, height, rowHeight, count } = shape[block];
    if (y < top || y >= top + height) continue;
    const row = Math.floor((y - top + (scroll[block] ?? 0)) / rowHeight);
    if (row < count) return { block, row, place };
  }
  return place >= 0 && (y < shape.top || (y >= shape.bottom && y < shape.bottom + 20))
    ? { block: null, row: -1, place }
    : null;
}

/** The interval at which neuron numbers fit below the columns. */
export function tickStep(columnWidth: number, labelWidth: number): number {
  const least = (labelWidth + 16) / columnWidth;
  if (least <= 12) return Math.max(1, Math.ceil(least));
  const power = 10 ** Math.floor(Math.log10(least));
  return (([1, 2, 5, 10] as const).find((lead) => lead * power >= least) ?? 10) * power;
}
