/** Layered layout (Sugiyama et al. 1981) of a flat graph: boxes in layers from top to bottom, arcs with bends. */

import type { Branching, BranchingEdge } from "./graphPlan";
import { orderLayers } from "./layeredOrder";
import { horizontalPlaces } from "./layeredPlaces";
import { type Arc, ranksOf, turnedArcs } from "./layeredRanks";

interface Point {
  x: number;
  y: number;
}

const GAP = 12;
/** With shapes on the arrows, whose lines are as high. */
const GAP_LABELLED = 15;
const LABEL_HEIGHT = 12;
const BESIDE_LINE = 4;

/** Positions boxes in layers from top to bottom. In a cycle, one edge is drawn upwards. */
export function layBranches(
  sizes: readonly { width: number; height: number }[],
  edges: readonly BranchingEdge[],
): Branching {
  const real = edges.map(({ from, to }) => from !== to && from < sizes.length && to < sizes.length);
  const inner = edges.filter((_, i) => real[i]);
  const turned = turnedArcs(sizes.length, inner);
  const arcs: Arc[] = inner.map(({ from, to }, i) => (turned[i] ? { from: to, to: from } : { from, to }));
  // Boxes are in even layers; between them are bends, and the shapes on the arrows.
  const ranks = ranksOf(sizes.length, arcs).map((rank) => 2 * rank);
  const [left, right] = [sizes.map(({ width }) => width / 2), sizes.map(({ width }) => width / 2)];
  const heights = sizes.map(({ height }) => height);
  const [above, below] = [sizes.map((): number[] => []), sizes.map((): number[] => [])];
  const bends = arcs.map(({ from, to }, i) => {
    const { labelWidth } = inner[i]!;
    const [start, end] = [ranks[from]!, ranks[to]!];
    const labelRank = labelWidth > 0 ? start + 2 * Math.floor((end - start - 1) / 4) + 1 : -1;
    const own: number[] = [];
    let label = -1;
    for (let rank = start + 1; rank < end; rank++) {
      const bend = ranks.push(rank) - 1;
      if (rank === labelRank) label = bend;
      left.push(0);
      right.push(rank === labelRank ? labelWidth + BESIDE_LINE : 0);
      heights.push(rank === labelRank ? LABEL_HEIGHT : 0);
      above.push([]);
      below.push([]);
      own.push(bend);
    }
    [from, ...own].forEach((vertex, at) => {
      const next = own[at] ?? to;
      below[vertex]!.push(next);
      above[next]!.push(vertex);
    });
    return { own, label };
  });

  const layers = orderLayers({ layers: firstOrder(ranks, below), above, below });
  const x = horizontalPlaces({ layers, above, below, left, right, isBend: (vertex) => vertex >= sizes.length });
  const low = Math.min(0, ...x.map((value, i) => value - left[i]!));
  const start = x.length > 0 ? Math.min(...x.map((value, i) => value - left[i]!)) : low;
  const gap = edges.some(({ labelWidth }) => labelWidth > 0) ? GAP_LABELLED : GAP;
  const y: number[] = [];
  let height = 0;
  layers.forEach((layer, rank) => {
    const most = Math.max(0, ...layer.map((vertex) => heights[vertex]!));
    height += rank > 0 ? gap : 0;
    for (const vertex of layer) y[vertex] = height + most / 2;
    height += most;
  });
  const centre = (vertex: number): Point => ({ x: x[vertex]! - start, y: y[vertex]! });
  let next = 0;
  return {
    width: Math.ceil(Math.max(0, ...x.map((value, i) => value - start + right[i]!))),
    height: Math.ceil(height),
    centres: sizes.map((_, i) => centre(i)),
    lines: edges.map(({ labelWidth }, i) => {
      if (!real[i]) return { points: [], label: null };
      const at = next++;
      const { from, to } = arcs[at]!;
      const { own, label } = bends[at]!;
      const middle = own.map(centre);
      const points = [
        border(centre(from), sizes[from]!, middle[0] ?? centre(to)),
        ...middle,
        border(centre(to), sizes[to]!, middle.at(-1) ?? centre(from)),
      ];
      const line = label < 0 ? null : centre(label);
      return {
        points: turned[at] ? points.reverse() : points,
        label: line && { x: line.x + labelWidth / 2 + BESIDE_LINE, y: line.y },
      };
    }),
  };
}

/** In the order in which a walk along the arcs meets them. */
function firstOrder(ranks: readonly number[], below: readonly (readonly number[])[]): number[][] {
  const layers: number[][] = Array.from({ length: Math.max(-1, ...ranks) + 1 }, () => []);
  const seen = new Set<number>();
  const visit = (vertex: number): void => {
    if (seen.has(vertex)) return;
    seen.add(vertex);
    layers[ranks[vertex]!]!.push(vertex);
    below[vertex]!.forEach(visit);
  };
  for (const [vertex] of [...ranks.entries()].sort(([, a], [, b]) => a - b)) visit(vertex);
  return layers;
}

/** Where the line from the centre of a box to a point leaves the box. */
function border(centre: Point, { width, height }: { width: number; height: number }, to: Point): Point {
  const [dx, dy] = [to.x - centre.x, to.y - centre.y];
  const part = Math.min(
    dx === 0 ? Infinity : width / 2 / Math.abs(dx),
    dy === 0 ? Infinity : height / 2 / Math.abs(dy),
  );
  return Number.isFinite(part) ? { x: centre.x + dx * part, y: centre.y + dy * part } : centre;
}
