/** Places labels beside clusters and points so that none covers another. */

import { getOrInsert } from "../lib/getOrInsert";

/** Enough instances for a group's median: instances are in hash order, so that the first ones are a uniform sample. */
const SAMPLE = 500;

export interface Cluster {
  group: number;
  x: number;
  y: number;
  count: number;
}

/** The median position of every group that has instances with a position. `groups` is a group per instance, -1 for none. */
export function clusters(groups: Int16Array | Int32Array, xy: Float32Array): Cluster[] {
  const members = new Map<number, { xs: number[]; ys: number[]; count: number }>();
  for (let index = 0; index < groups.length; index++) {
    const group = groups[index] as number;
    if (group < 0 || Number.isNaN(xy[2 * index])) continue;
    const sample = getOrInsert(members, group, () => ({ xs: [], ys: [], count: 0 }));
    sample.count++;
    if (sample.xs.length >= SAMPLE) continue;
    sample.xs.push(xy[2 * index] as number);
    sample.ys.push(xy[2 * index + 1] as number);
  }
  return Array.from(members, ([group, { xs, ys, count }]) => ({ group, x: median(xs), y: median(ys), count })).sort(
    (a, b) => a.group - b.group,
  );
}

function median(values: number[]): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[half] as number)
    : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2;
}

export interface Placed {
  x: number;
  y: number;
}

interface Wish {
  x: number;
  y: number;
  width: number;
  height: number;
  /** Candidate offsets of the box's centre from (x, y); the first free one is used. */
  offsets: readonly (readonly [number, number])[];
}

/** The centre of each box, null if no candidate is free and inside the plot; earlier boxes have priority. */
export function place(wishes: readonly Wish[], width: number, height: number): (Placed | null)[] {
  const taken: { left: number; top: number; right: number; bottom: number }[] = [];
  return wishes.map((wish) => {
    for (const [dx, dy] of wish.offsets) {
      const [x, y] = [wish.x + dx, wish.y + dy];
      const box = {
        left: x - wish.width / 2,
        right: x + wish.width / 2,
        top: y - wish.height / 2,
        bottom: y + wish.height / 2,
      };
      if (box.left < 2 || box.right > width - 2 || box.top < 2 || box.bottom > height - 2) continue;
      if (
        taken.some(
          (other) =>
            box.left < other.right && box.right > other.left && box.top < other.bottom && box.bottom > other.top,
        )
      )
        continue;
      taken.push(box);
      return { x, y };
    }
    return null;
  });
}

/** For a cluster's label: at its centre, else a step aside. */
export const aroundMiddle = (width: number, height: number): [number, number][] => [
  [0, 0],
  [0, -0.7 * height],
  [0, 0.7 * height],
  [0.8 * width, 0],
  [-0.8 * width, 0],
  [0, -1.2 * height],
  [0, 1.2 * height],
];

/** For a point's label: right of its ring, left, above, below. */
export const besidePoint = (width: number, height: number, gap: number): [number, number][] => [
  [gap + width / 2, 0],
  [-gap - width / 2, 0],
  [0, -gap - height / 2],
  [0, gap + height / 2],
  [gap + width / 2, -height],
  [gap + width / 2, height],
  [-gap - width / 2, -height],
  [-gap - width / 2, height],
];
