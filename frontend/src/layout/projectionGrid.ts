/** A spatial index over the points of a projection: nearest point, next point in a direction. */

import { type Bounds, boundsOf } from "./projection";

/** Instances sorted into square cells, about four per cell. */
export interface Grid {
  xy: Float32Array;
  bounds: Bounds;
  size: number;
  columns: number;
  lines: number;
  /** indices[starts[cell] .. starts[cell + 1]) are in the cell. */
  starts: Int32Array;
  indices: Int32Array;
}

export function gridOf(xy: Float32Array): Grid {
  const bounds = boundsOf(xy);
  const [w, h] = [bounds.right - bounds.left, bounds.high - bounds.low];
  const count = xy.length >> 1;
  const size = Math.max(Math.sqrt((w * h) / Math.max(1, count / 4)), Math.max(w, h) / 2048, 1e-12);
  const columns = Math.floor(w / size) + 1;
  const lines = Math.floor(h / size) + 1;
  const cells = new Int32Array(count);
  const starts = new Int32Array(columns * lines + 1);
  for (let i = 0; i < count; i++) {
    const column = Math.floor(((xy[2 * i] as number) - bounds.left) / size);
    const line = Math.floor(((xy[2 * i + 1] as number) - bounds.low) / size);
    const cell = column >= 0 && column < columns && line >= 0 && line < lines ? line * columns + column : -1;
    cells[i] = cell;
    if (cell >= 0) starts[cell + 1]!++;
  }
  for (let c = 1; c < starts.length; c++) starts[c]! += starts[c - 1] as number;
  const next = starts.slice(0, -1);
  const indices = new Int32Array(starts.at(-1) ?? 0);
  for (let i = 0; i < count; i++) if ((cells[i] as number) >= 0) indices[next[cells[i] as number]!++] = i;
  return { xy, bounds, size, columns, lines, starts, indices };
}

/** The instance nearest to (x, y) within `radius`, -1 for none. `counts` filters the instances. */
export function nearest(
  grid: Grid,
  x: number,
  y: number,
  radius: number,
  counts: (index: number) => boolean = () => true,
): number {
  const { xy, bounds, size, columns, lines, starts, indices } = grid;
  const clamp = (value: number, end: number): number => Math.max(0, Math.min(end, Math.floor(value)));
  let best = -1;
  let least = radius * radius;
  for (
    let line = clamp((y - radius - bounds.low) / size, lines - 1);
    line <= clamp((y + radius - bounds.low) / size, lines - 1);
    line++
  ) {
    const from = clamp((x - radius - bounds.left) / size, columns - 1);
    const to = clamp((x + radius - bounds.left) / size, columns - 1);
    for (let k = starts[line * columns + from] as number; k < (starts[line * columns + to + 1] as number); k++) {
      const index = indices[k] as number;
      const square = ((xy[2 * index] as number) - x) ** 2 + ((xy[2 * index + 1] as number) - y) ** 2;
      if (square <= least && counts(index)) [best, least] = [index, square];
    }
  }
  return best;
}

export type Direction = "left" | "right" | "up" | "down";

/**
 * The nearest instance in a direction (up is larger y), within a right angle; the distance across counts twice. -1 for
 * none.
 */
export function towards(
  xy: Float32Array,
  from: number,
  direction: Direction,
  counts: (index: number) => boolean = () => true,
): number {
  const sign = direction === "left" || direction === "down" ? -1 : 1;
  const along = direction === "left" || direction === "right" ? 0 : 1;
  let [best, least] = [-1, Infinity];
  for (let index = 0; index < xy.length >> 1; index++) {
    const distanceAlong = sign * ((xy[2 * index + along] as number) - (xy[2 * from + along] as number));
    const aside = Math.abs((xy[2 * index + 1 - along] as number) - (xy[2 * from + 1 - along] as number));
    if (index === from || !(distanceAlong > 0) || aside > distanceAlong) continue;
    const cost = distanceAlong + 2 * aside;
    if (cost < least && counts(index)) [best, least] = [index, cost];
  }
  return best;
}
