/**
 * Lays out the open modules of the graph from the inside out, each as a column where its flow is a line, else in layers.
 */

import { branchesSize, placeBranches } from "./graphBranches";
import { gapAfter, isLine, placeColumn } from "./graphColumn";
import {
  type Box,
  CLOSED,
  CLOSED_STRIP,
  type Drawing,
  type Edge,
  FOOT,
  HEADER,
  INSET,
  MARGIN,
  MARGIN_TOP,
  ROW,
  ROW_RECORDED,
  SHEETS,
} from "./graphDrawing";
import { asColumn, cutFlow, type Flow } from "./graphFlow";
import { nodeTitle } from "./graphNode";
import type { Branching, Columns, Inner, LayBranches, Plan, Room } from "./graphPlan";
import { isGroup, isStacked, PAGE, type Tree, type TreeNode } from "./graphTree";

export interface Request {
  open: ReadonlySet<string>;
  /** Which children are shown of modules that have more than fit on a page. */
  pages: ReadonlyMap<string, Page>;
  /** Width of the pane. */
  width: number;
}

export const PAGE_BRANCHES = 60;

/** The page with the child at this index, and how many more pages before and after it. */
export type Page = readonly [at: number, before: number, after: number];

/** Up to this many branching boxes are laid out a second time to fit the width. */
const FEW = 24;

const NONE: Flow = { bundles: [], ins: new Set(), outs: new Set() };

const EMPTY: Columns = { kind: "column", plans: [], column: { order: [], spine: [], skips: [], lanes: 0 }, gaps: [] };

/**
 * Lays out the open modules from the inside out. Null if answers of `lay` are missing: all that can be asked by now have
 * been asked.
 */
export function layoutGraph(
  tree: Tree,
  flows: ReadonlyMap<string, Flow>,
  request: Request,
  lay: LayBranches,
): Drawing | null {
  let missing = 0;
  const planGroup = (group: TreeNode): Inner => {
    const flow = flows.get(group.key) ?? NONE;
    const all = group.children;
    const pageOf = (size: number): [number, number] => {
      const [at, before, after] = request.pages.get(group.key) ?? [0, 0, 0];
      const page = Math.floor(at / size);
      return [Math.max(0, page - before) * size, Math.min(all.length, (page + 1 + after) * size)];
    };
    const more = (hidden: number, before: boolean): Plan[] =>
      hidden > 0
        ? [{ item: group, form: "more", minWidth: 120, preferredWidth: 170, height: ROW, inner: null, hidden, before }]
        : [];
    const planChildren = ([first, end]: [number, number], form: "row" | "card"): Plan[] => [
      ...more(first, true),
      ...all.slice(first, end).map((child) => plan(child, form)),
      ...more(all.length - end, false),
    ];
    const many = pageOf(PAGE);
    // The parts of an output are listed below each other: nothing flows among them.
    const parts = all.length > 0 && all.every(({ kind }) => kind === "output");
    const shown = many[1] - many[0] + Number(many[0] > 0) + Number(many[1] < all.length);
    const inColumn = (loose: boolean): Columns | null => {
      const column = asColumn(parts ? NONE : cutFlow(flow, ...many, all.length), shown, loose);
      if (!column) return null;
      const plans = planChildren(many, "row");
      const gaps = column.order.map((place, i) => gapAfter(plans, column, place, i, group.parent === null));
      return { kind: "column", plans, column, gaps };
    };
    const column = inColumn(false);
    if (column) return column;
    const few = pageOf(PAGE_BRANCHES);
    const known = missing;
    const plans = planChildren(few, "card");
    // Without the sizes of what is inside there is nothing to ask.
    if (missing > known) return EMPTY;
    const size = branchesSize(plans, cutFlow(flow, ...few, all.length), group.parent === null);
    // As wide as their names; narrower if that exceeds the pane, as far as possible.
    const layAt = (part: number): { widths: number[]; answer: Branching } | null => {
      const widths = size.plans.map(({ item, form, minWidth, preferredWidth: wish }) => {
        const least = Math.min(wish, form === "open" || form === "more" ? minWidth : nameWidthOf(item));
        return Math.round(least + (wish - least) * part);
      });
      const key = `${group.key} ${few[0]} ${size.plans.map(({ height }, i) => `${widths[i]}x${height}`).join()}`;
      const sizes = size.plans.map(({ height }, i) => ({ width: widths[i] ?? 0, height }));
      const edges = size.edges.map(({ from, to, labelWidth }) => ({ from, to, labelWidth }));
      const answer = lay(sizes, edges, key);
      if (!answer) {
        missing++;
        return null;
      }
      return { widths, answer };
    };
    const room = request.width - 2 * MARGIN - 2 * INSET * (group.depth + 1);
    const widest = layAt(1);
    let laid = widest;
    if (widest && widest.answer.width > room) {
      laid = layAt(0);
      if (laid && laid.answer.width > room) {
        // Rather below each other than cut at the edge of the pane.
        const loose = inColumn(true);
        if (loose) return loose;
      } else if (laid && plans.length <= FEW) {
        const part = (room - laid.answer.width) / (widest.answer.width - laid.answer.width);
        laid = part > 0 && part < 1 ? layAt(Math.floor(part * 8) / 8) : laid;
      }
    }
    if (!laid) return EMPTY;
    for (const [i, one] of size.plans.entries()) one.preferredWidth = laid.widths[i] ?? one.preferredWidth;
    return { ...size, kind: "branches", answer: laid.answer };
  };
  const plan = (item: TreeNode, alone: "row" | "card"): Plan => {
    const wish = preferredWidthOf(item);
    if (!isGroup(item)) {
      const height = alone === "row" ? (item.recorded ? ROW_RECORDED : ROW) : item.recorded ? CLOSED_STRIP : CLOSED;
      return { item, form: alone, minWidth: 96, preferredWidth: wish, height, inner: null };
    }
    if (!request.open.has(item.key)) {
      const height = (item.inside > 0 ? CLOSED_STRIP : CLOSED) + (isStacked(item) ? SHEETS : 0);
      return { item, form: "closed", minWidth: 100, preferredWidth: wish, height, inner: null };
    }
    const inner = planGroup(item);
    const head = item.recorded ? HEADER + ROW_RECORDED - ROW : HEADER;
    const size = innerSize(inner);
    const width = Math.max(wish, size.preferredWidth + 2 * INSET);
    return {
      item,
      form: "open",
      minWidth: inner.kind === "column" ? Math.max(130, size.minWidth + 2 * INSET) : width,
      preferredWidth: width,
      height: head + size.height,
      inner,
    };
  };

  const boxes: Box[] = [];
  const edges: Edge[] = [];
  const inner = planGroup(tree.root);
  if (missing > 0) return null;
  const size = innerSize(inner);
  const width = Math.max(request.width, size.minWidth + 2 * MARGIN);
  const most = request.width - 2 * MARGIN;
  placeInner(
    inner,
    tree.root,
    { x: MARGIN, y: MARGIN_TOP, width: width - 2 * MARGIN, level: 0, maxWidth: most },
    boxes,
    edges,
  );
  return { width, height: MARGIN_TOP + size.height - 2 * FOOT, boxes, edges };
}

/** Width in which the name, and of a recorded layer a number, can be read. */
const nameWidthOf = (item: TreeNode): number =>
  Math.round(Math.max(70, Math.min(160, 34 + nodeTitle(item).length * 6.4 + (item.inside > 0 ? 24 : 0))));

/** Approximate width of the name; the view truncates what does not fit. */
function preferredWidthOf(item: TreeNode): number {
  const words =
    item.name.length * 6.6 +
    (item.name.startsWith(item.type) ? 0 : item.type.length * 5.9 + 10) +
    (item.inside > 0 ? 40 : 8);
  return Math.round(Math.max(90, Math.min(isGroup(item) ? 150 : 180, 34 + words)));
}

function innerSize(inner: Inner): { minWidth: number; preferredWidth: number; height: number } {
  if (inner.kind === "branches") {
    const { width, height } = inner.answer;
    return { minWidth: width, preferredWidth: width, height: height + 8 };
  }
  const { plans, column, gaps } = inner;
  const indent = column.lanes * 8;
  const most = (widthOf: (plan: Plan) => number): number =>
    plans.reduce((best, plan) => Math.max(best, widthOf(plan)), 0) + indent;
  const height = plans.reduce((sum, plan) => sum + plan.height, 0) + gaps.reduce((sum, gap) => sum + gap, 0);
  const last = plans[column.order.at(-1) ?? -1];
  return {
    minWidth: most(({ minWidth: least }) => least),
    preferredWidth: most(({ preferredWidth: wish }) => wish),
    height: height + (isLine(last) ? FOOT : INSET + 2),
  };
}

/** Positions a node and everything open in it. Returns its box. */
function placePlan(plan: Plan, room: Room, rail: number, boxes: Box[], edges: Edge[]): Box {
  const { item, form, height, inner, hidden, before } = plan;
  const box: Box = {
    key: item.key,
    form,
    x: room.x,
    y: room.y,
    width: room.width,
    height,
    rail,
    level: room.level,
    ...(hidden ? { hidden, before } : {}),
  };
  boxes.push(box);
  if (inner) {
    const head = item.recorded ? HEADER + ROW_RECORDED - ROW : HEADER;
    placeInner(inner, item, { ...room, y: room.y + head, level: room.level + 1 }, boxes, edges);
  }
  return box;
}

function placeInner(inner: Inner, group: TreeNode, room: Room, boxes: Box[], edges: Edge[]): void {
  if (inner.kind === "branches") placeBranches(inner, group, room, placePlan, boxes, edges);
  else placeColumn(inner, group, room, placePlan, boxes, edges);
}
