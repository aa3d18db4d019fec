/** Finds the instances inside a lasso, and combines them with those picked before. */

import type { Grid } from "./projectionGrid";

export type LassoMode = "new" | "add" | "remove";

/** Toggles the points left of an edge, at its height. */
function flip(
  { xy, bounds, size, columns, lines, starts, indices }: Grid,
  members: Uint8Array,
  ax: number,
  ay: number,
  bx: number,
  by: number,
): void {
  const lineOf = (y: number): number => Math.max(0, Math.min(lines - 1, Math.floor((y - bounds.low) / size)));
  const end = Math.max(0, Math.min(columns, Math.floor((Math.max(ax, bx) - bounds.left) / size) + 1));
  for (let line = lineOf(Math.min(ay, by)); line <= lineOf(Math.max(ay, by)); line++) {
    const to = starts[line * columns + end] as number;
    for (let k = starts[line * columns] as number; k < to; k++) {
      const index = indices[k] as number;
      const y = xy[2 * index + 1] as number;
      if (ay > y !== by > y && (xy[2 * index] as number) < ax + ((y - ay) / (by - ay)) * (bx - ax))
        members[index]! ^= 1;
    }
  }
}

/**
 * Tests incrementally which points are inside a line while it is drawn. Takes the line so far (x and y alternating, in
 * data coordinates), closed or not, and returns a byte per instance: 1 if an odd number of edges is to the right. For a
 * closed line this is the even-odd rule.
 */
export function tracer(): (line: readonly number[], grid: Grid) => Uint8Array {
  let members = new Uint8Array(0);
  let at: Grid | null = null;
  let traced = 0;
  return (line, grid) => {
    if (grid !== at || line.length < traced) [at, members, traced] = [grid, new Uint8Array(grid.xy.length >> 1), 2];
    for (; traced < line.length; traced += 2)
      flip(grid, members, ...(line.slice(traced - 2, traced + 2) as [number, number, number, number]));
    return members;
  };
}

/** The indices of the members (a byte per instance), combined with those picked before; in ascending order. */
export function joined(before: Int32Array, members: Uint8Array, mode: LassoMode): Int32Array {
  const all = mode === "remove" ? new Uint8Array(members.length) : members.slice();
  if (mode !== "new")
    for (let i = 0; i < before.length; i++) all[before[i]!] = mode === "add" ? 1 : 1 - members[before[i]!]!;
  const indices = new Int32Array(all.length);
  let count = 0;
  for (let index = 0; index < all.length; index++) {
    indices[count] = index;
    count += all[index]!;
  }
  return indices.slice(0, count);
}
