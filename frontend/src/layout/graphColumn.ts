/** Layout of a graph module whose flow is a line: nodes below each other, skip connections beside them. */

import {
  type Box,
  DOT,
  type Edge,
  GAP,
  GAP_ROW,
  GAP_SHORT,
  INSET,
  RADIUS,
  RADIUS_RECORDED,
  RAIL,
} from "./graphDrawing";
import type { Column } from "./graphFlow";
import type { Columns, PlacePlan, Plan, Room } from "./graphPlan";
import type { TreeNode } from "./graphTree";

export const isLine = (plan: Plan | undefined): boolean => plan?.form === "row" || plan?.form === "more";

/** Rows have no gap; between boxes there is room for an arrow, and for the shape where it changes. */
export function gapAfter(plans: Plan[], column: Column, place: number, i: number, outermost: boolean): number {
  const next = column.order[i + 1];
  if (next === undefined) return 0;
  if (isLine(plans[place]) && isLine(plans[next])) return 0;
  const bundle = column.spine[i];
  if (!bundle) return 6;
  if (!outermost && !saysNew(column, i)) return GAP_SHORT;
  return isLine(plans[place]) || isLine(plans[next]) ? GAP_ROW : GAP;
}

function saysNew(column: Column, i: number): boolean {
  const [now, before] = [column.spine[i], column.spine[i - 1]];
  return (before && now?.sizes?.join() !== before.sizes?.join()) || (now?.count ?? 1) > 1;
}

/** Positions the nodes and edges of a column. `place` positions a single node. */
export function placeColumn(
  { plans, column, gaps }: Columns,
  group: TreeNode,
  room: Room,
  place: PlacePlan,
  boxes: Box[],
  edges: Edge[],
): void {
  const { order, spine, skips, lanes } = column;
  const outermost = room.level === 0;
  const rail = room.x + RAIL + Math.max(0, lanes - 1) * 7;
  const inset = (outermost ? 0 : INSET) + lanes * 8;
  const placed: Box[] = [];
  let y = room.y;
  order.forEach((child, i) => {
    const plan = plans[child];
    if (!plan) return;
    const line = isLine(plan);
    const sides = line ? 0 : inset + (outermost ? 0 : INSET);
    const width = Math.min(room.width, Math.max(room.maxWidth, plan.preferredWidth + sides)) - sides;
    const own = { ...room, y, x: line ? room.x : room.x + inset, width, most: room.maxWidth - sides };
    placed.push(place(plan, own, line ? rail : own.x + RAIL, boxes, edges));
    y += plan.height + (gaps[i] ?? 0);
  });
  spine.forEach((bundle, i) => {
    const [from, to] = [placed[i], placed[i + 1]];
    if (!bundle || !from || !to) return;
    const short = isLine(plans[order[i] ?? -1]) && isLine(plans[order[i + 1] ?? -1]);
    const start = bottomOf(from, plans[order[i] ?? -1]) + (short ? 0 : 1);
    const end = topOf(to, plans[order[i + 1] ?? -1]) - (short ? 0 : 1);
    const labelled = !short && (outermost || saysNew(column, i));
    edges.push({
      from: from.key,
      to: to.key,
      path: `M${rail} ${start}V${end}`,
      tip: short ? null : { x: rail, y: end, angle: 90 },
      label: labelled ? { x: rail + 9, y: (start + end) / 2, count: bundle.count, sizes: bundle.sizes } : null,
      branch: bundle.branch,
    });
  });
  for (const { from, to, lane, branch } of skips) {
    const x = rail - 9 - 7 * lane;
    const [source, target] = [placed[from], placed[to]];
    const start = source ? leftOf(source, rail) : null;
    const end = target ? leftOf(target, rail) : null;
    const head = start ? `M${start.x} ${start.y}Q${x} ${start.y} ${x} ${start.y + 7}` : `M${x} ${room.y}`;
    const tail = end ? `V${end.y - 7}Q${x} ${end.y} ${end.x} ${end.y}` : `V${y + 2}`;
    edges.push({
      from: source?.key ?? group.key,
      to: target?.key ?? group.key,
      path: head + tail,
      tip: end ? { ...end, angle: 0 } : null,
      label: null,
      branch,
    });
  }
}

const radiusOf = (plan: Plan | undefined): number => {
  const end = plan?.item.kind === "input" || plan?.item.kind === "output";
  return plan?.item.recorded ? RADIUS_RECORDED + 0.5 : end && plan.item.depth === 0 ? 5 : RADIUS + 0.9;
};

function bottomOf(box: Box, plan: Plan | undefined): number {
  return isLine(plan) ? box.y + DOT + radiusOf(plan) : box.y + box.height;
}

function topOf(box: Box, plan: Plan | undefined): number {
  return isLine(plan) ? box.y + DOT - radiusOf(plan) : box.y;
}

function leftOf(box: Box, rail: number): { x: number; y: number } {
  const line = box.form === "row" || box.form === "more";
  return { x: line ? rail - 4.5 : box.x - 0.5, y: box.y + DOT };
}
