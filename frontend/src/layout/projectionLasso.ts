/** What lies inside of a drawn line, and how it joins what was picked before. */

export type LassoMode = "new" | "add" | "remove";

/** Rows whose place is inside of the closed polygon (x and y in turn, in the plane of `xy`), by the even-odd rule; in rising order. */
export function inside(polygon: readonly number[], xy: Float32Array, counts: (row: number) => boolean = () => true): Int32Array {
  const corners = polygon.length >> 1;
  if (corners < 3) return new Int32Array(0);
  const path = Float64Array.from(polygon);
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let k = 0; k < corners; k++) {
    left = Math.min(left, path[2 * k] as number);
    right = Math.max(right, path[2 * k] as number);
    low = Math.min(low, path[2 * k + 1] as number);
    high = Math.max(high, path[2 * k + 1] as number);
  }
  // A point is held only against the edges at its height: of a long line few of many.
  const scale = corners / (high - low || 1);
  const band = (y: number): number => Math.min(corners - 1, Math.floor((y - low) * scale));
  const edges = Array.from({ length: corners }, (): number[] => []);
  for (let k = 0, j = corners - 1; k < corners; j = k++) {
    const ends = [band(path[2 * k + 1] as number), band(path[2 * j + 1] as number)];
    for (let at = Math.min(...ends); at <= Math.max(...ends); at++) edges[at]!.push(k);
  }
  const found: number[] = [];
  for (let row = 0; row < xy.length >> 1; row++) {
    const [x, y] = [xy[2 * row] as number, xy[2 * row + 1] as number];
    if (!(x >= left && x <= right && y >= low && y <= high) || !counts(row)) continue;
    let odd = false;
    for (const k of edges[band(y)]!) {
      const j = (k || corners) - 1;
      const [ay, by] = [path[2 * k + 1] as number, path[2 * j + 1] as number];
      if (ay > y === by > y) continue;
      const [ax, bx] = [path[2 * k] as number, path[2 * j] as number];
      if (x < ax + ((y - ay) / (by - ay)) * (bx - ax)) odd = !odd;
    }
    if (odd) found.push(row);
  }
  return Int32Array.from(found);
}

/** Sorted, each row once. */
export function joined(before: Int32Array, drawn: Int32Array, mode: LassoMode): Int32Array {
  if (mode === "new") return drawn;
  const rows = new Set(before);
  for (const row of drawn) {
    if (mode === "add") rows.add(row);
    else rows.delete(row);
  }
  return Int32Array.from(rows).sort();
}
