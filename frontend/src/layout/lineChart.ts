/** Lines over the training steps: their paths, which of them stand out, and the labels at their ends. */

/** A value that is not finite is a gap. */
export interface Point {
  x: number;
  y: number;
}

/** The path through points, with a dot where a point stands alone between gaps. */
export function linePath(points: readonly Point[]): string {
  let path = "";
  const isThere = (point: Point | undefined): boolean => point !== undefined && Number.isFinite(point.y);
  points.forEach((point, i) => {
    if (!isThere(point)) return;
    const before = isThere(points[i - 1]);
    path += `${before ? "L" : "M"}${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
    if (!before && !isThere(points[i + 1])) path += "h0.01";
  });
  return path;
}

/** The height of a line at `x`, between its points; NaN in gaps and beyond the ends. */
export function heightAt(points: readonly Point[], x: number): number {
  const next = points.findIndex((point) => point.x >= x);
  const [a, b] = [points[Math.max(0, next - 1)], points[next]];
  if (!a || !b) return NaN;
  return a === b || b.x === a.x ? b.y : a.y + ((b.y - a.y) * (x - a.x)) / (b.x - a.x);
}

/** The index of the line that is nearest at `x`, within `reach`; -1: none. */
export function nearestLine(lines: readonly (readonly Point[])[], x: number, y: number, reach: number): number {
  let [best, least] = [-1, reach];
  lines.forEach((points, i) => {
    const distance = Math.abs(heightAt(points, x) - y);
    if (distance <= least) [best, least] = [i, distance];
  });
  return best;
}

/** With more lines than this, only some stand out. */
export const MANY_LINES = 20;

export interface Emphasis {
  opacity: number;
  width: number;
}

/** How a line is drawn: `strong` are those that are chosen, pinned or A and B; while one is hovered, the rest is dimmed. */
export function emphasis(lines: number, isHovered: boolean, strong: boolean, hovering: boolean): Emphasis {
  if (isHovered) return { opacity: 1, width: 2.5 };
  if (hovering) return { opacity: strong ? 0.35 : 0.18, width: 1.25 };
  if (lines <= MANY_LINES) return { opacity: 1, width: strong ? 2.5 : 1.5 };
  return strong ? { opacity: 1, width: 2 } : { opacity: 0.28, width: 1 };
}

/** A label at `y`, where its line ends; of two that have no room the one of the lower rank stays. */
export interface LineLabel {
  y: number;
  rank: number;
}

/**
 * The centre of each label between `top` and `bottom`, at least `pitch` apart and as near to its line as that allows;
 * null for those that do not fit.
 */
export function placeLabels(
  labels: readonly LineLabel[],
  top: number,
  bottom: number,
  pitch: number,
): (number | null)[] {
  const room = Math.max(1, Math.floor((bottom - top) / pitch + 1e-9) + 1);
  const kept = labels
    .map((label, index) => ({ ...label, index }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .slice(0, room)
    .sort((a, b) => a.y - b.y || a.index - b.index);
  // Without the pitches of those above, the centres must not fall: groups of labels that would are moved to their mean.
  const groups: { sum: number; count: number }[] = [];
  kept.forEach(({ y }, i) => {
    groups.push({ sum: y - i * pitch, count: 1 });
    for (;;) {
      const [above, last] = [groups.at(-2), groups.at(-1)!];
      if (!above || above.sum / above.count <= last.sum / last.count) break;
      groups.splice(-2, 2, { sum: above.sum + last.sum, count: above.count + last.count });
    }
  });
  const most = bottom - (kept.length - 1) * pitch;
  const centres = groups.flatMap(({ sum, count }) => Array<number>(count).fill(sum / count));
  const placed: (number | null)[] = labels.map(() => null);
  kept.forEach(({ index }, i) => {
    placed[index] = Math.max(top, Math.min(centres[i]!, most)) + i * pitch;
  });
  return placed;
}
