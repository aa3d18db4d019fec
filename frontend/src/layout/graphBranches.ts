/** Layout of a graph module whose flow branches: the nodes are placed in layers, edges are curves. */

import type { Box, Edge } from "./graphDrawing";
import type { Bundle, Flow } from "./graphFlow";
import type { Branches, BranchingEdge, PlacePlan, Plan, Room } from "./graphPlan";
import type { TreeNode } from "./graphTree";

interface Sized {
  plans: Plan[];
  edges: (BranchingEdge & { bundle: Bundle | null; labelled: boolean })[];
  entry: number;
  exit: number;
}

/** Shapes are written up to this many edges; with more they would cover each other. */
const LABELLED = 24;

/**
 * Boxes and edges for the layered layout. If several children have inputs from outside the module, or outputs to it, the outside is
 * a node of its own.
 */
export function branchesSize(plans: Plan[], { bundles, ins, outs }: Flow, outermost: boolean): Sized {
  const point = (item: Plan["item"]): Plan => ({
    item,
    form: "row",
    minWidth: 2,
    preferredWidth: 2,
    height: 2,
    inner: null,
  });
  const all = [...plans];
  const labelled = bundles.length <= (outermost ? LABELLED : LABELLED / 2);
  const edges: Sized["edges"] = bundles
    .filter(({ from, to }) => from < plans.length && to < plans.length)
    .map((bundle) => ({
      from: bundle.from,
      to: bundle.to,
      bundle,
      labelled,
      labelWidth: labelled ? labelWidth(bundle) : 0,
    }));
  const item = plans[0]?.item;
  const outside = (places: Set<number>, into: boolean): number => {
    if (!item || places.size < 2) return -1;
    const at = all.push(point(item)) - 1;
    for (const place of places)
      edges.push({ from: into ? at : place, to: into ? place : at, bundle: null, labelled: false, labelWidth: 0 });
    return at;
  };
  const entry = outside(ins, true);
  return { plans: all, edges, entry, exit: outside(outs, false) };
}

function labelWidth({ count, sizes }: Bundle): number {
  const shape = sizes ? sizes.slice(sizes[0] === -1 ? 1 : 0).join("×") : "tensors";
  return (shape.length + (count > 1 ? String(count).length + 3 : 0)) * 6 + 6;
}

/** Positions the nodes and edges by the layered layout. `place` positions a single node. */
export function placeBranches(
  inner: Branches,
  group: TreeNode,
  room: Room,
  place: PlacePlan,
  boxes: Box[],
  edges: Edge[],
): void {
  const { plans, answer, entry, exit } = inner;
  const left = room.x + (room.width - answer.width) / 2;
  const placed = plans.map((plan, i) => {
    const centre = answer.centres[i];
    if (!centre || i === entry || i === exit) return null;
    const [from, to] = span(inner, i, (room.width - answer.width) / 2);
    const x = left + from;
    return place(
      plan,
      {
        x,
        y: room.y + centre.y - plan.height / 2,
        width: to - from,
        level: room.level,
        maxWidth: room.maxWidth,
      },
      x + 14,
      boxes,
      edges,
    );
  });
  inner.edges.forEach(({ from, to, bundle, labelled }, i) => {
    const line = answer.lines[i];
    if (!line || line.points.length < 2) return;
    const points = line.points.map(({ x, y }) => ({ x: left + x, y: room.y + y }));
    // Leave the box downwards: a line to one side would cross its text.
    const [start, next, box] = [points[0], points[1], placed[from]];
    if (box && start && next && next.y > box.y + box.height) {
      start.x = Math.max(box.x + 8, Math.min(box.x + box.width - 8, start.x));
      start.y = box.y + box.height;
    }
    const { path, angle } = bend(points);
    const tip = points.at(-1) as { x: number; y: number };
    edges.push({
      from: placed[from]?.key ?? group.key,
      to: placed[to]?.key ?? group.key,
      path,
      tip: to === exit ? null : { ...tip, angle },
      label:
        labelled && bundle && line.label
          ? {
              x: left + line.label.x - labelWidth(bundle) / 2 + 5,
              y: room.y + line.label.y,
              count: bundle.count,
              sizes: bundle.sizes,
            }
          : null,
      branch: bundle?.branch,
    });
  });
}

/** Where a box begins and ends: as wide as the boxes beside it and the edges that pass it allow. */
function span({ plans, answer, edges }: Branches, i: number, margin: number): [number, number] {
  const [own, centre] = [plans[i], answer.centres[i]];
  if (!own || !centre) return [0, 0];
  const [start, end] = [centre.x - own.preferredWidth / 2, centre.x + own.preferredWidth / 2];
  let [from, to] = [-margin, answer.width + margin];
  const avoid = (left: number, right: number, gap: number): void => {
    if (right <= start) from = Math.max(from, right + gap);
    else if (left >= end) to = Math.min(to, left - gap);
    else [from, to] = [start, end];
  };
  const [top, bottom] = [centre.y - own.height / 2 - 2, centre.y + own.height / 2 + 2];
  plans.forEach(({ preferredWidth, height }, other) => {
    const at = answer.centres[other];
    if (other === i || !at || at.y - height / 2 > bottom || at.y + height / 2 < top) return;
    const [left, right] = [at.x - preferredWidth / 2, at.x + preferredWidth / 2];
    // The two share what is between them.
    const half = Math.max(0, left >= end ? left - end : start - right) / 2;
    avoid(left, right, half + 5);
  });
  edges.forEach((edge, e) => {
    if (edge.from === i || edge.to === i) return;
    const points = answer.lines[e]?.points ?? [];
    for (let p = 1; p < points.length; p++) {
      const [a, b] = [points[p - 1], points[p]];
      if (!a || !b || Math.max(a.y, b.y) < top || Math.min(a.y, b.y) > bottom) continue;
      avoid(Math.min(a.x, b.x), Math.max(a.x, b.x), 8);
    }
  });
  return [Math.min(start, from), Math.max(end, to)];
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** A curve through the midpoints between the corners, with a straight end. */
function bend(points: { x: number; y: number }[]): { path: string; angle: number } {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return { path: "", angle: 90 };
  let path = `M${round(first.x)} ${round(first.y)}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [now, next] = [points[i], points[i + 1]];
    if (!now || !next) continue;
    const end = i === points.length - 2 ? next : { x: (now.x + next.x) / 2, y: (now.y + next.y) / 2 };
    path += `Q${round(now.x)} ${round(now.y)} ${round(end.x)} ${round(end.y)}`;
  }
  if (points.length === 2) path += `L${round(last.x)} ${round(last.y)}`;
  const before = points[points.length - 2] ?? first;
  return { path, angle: Math.round((Math.atan2(last.y - before.y, last.x - before.x) * 180) / Math.PI) };
}
