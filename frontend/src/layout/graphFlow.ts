/** Derives the data flow among the children of each module from the graph's edges. */

import type { Graph } from "../api/types";
import { getOrInsert } from "../lib/getOrInsert";
import type { Tree, TreeNode } from "./graphTree";

/** The data that flows from one child of a module to another: all edges between the two. */
export interface Bundle {
  from: number;
  to: number;
  /** Number of tensors; one that goes to two places counts once. */
  count: number;
  /** Null if they have different shapes. */
  sizes: number[] | null;
  /** None of them exists in every forward pass. */
  branch?: boolean;
}

/**
 * The flow among the children of one module, by their indices, and which of them have inputs from or outputs to the
 * outside.
 */
export interface Flow {
  bundles: Bundle[];
  ins: Set<number>;
  outs: Set<number>;
}

interface Growing {
  bundles: Map<string, Bundle & { sources: Set<string> }>;
  ins: Set<number>;
  outs: Set<number>;
}

/** Assigns every edge to the innermost module that contains both of its ends. */
export function buildFlows(graph: Graph, { byKey }: Tree): Map<string, Flow> {
  const flows = new Map<string, Growing>();
  const flowOf = (group: TreeNode): Growing =>
    getOrInsert(flows, group.key, () => ({ bundles: new Map(), ins: new Set(), outs: new Set() }));
  for (const { source, target, sizes, branch } of graph.edges) {
    let [from, to] = [byKey.get(source), byKey.get(target)];
    if (!from || !to || from === to) continue;
    while (from.parent && to.parent && from.parent !== to.parent) {
      if (from.depth >= to.depth) {
        flowOf(from.parent).outs.add(from.place);
        from = from.parent;
      } else {
        flowOf(to.parent).ins.add(to.place);
        to = to.parent;
      }
    }
    if (!from.parent || from.parent !== to.parent || from === to) continue;
    const { bundles } = flowOf(from.parent);
    const key = `${from.place}>${to.place}`;
    const bundle = bundles.get(key);
    if (!bundle)
      bundles.set(key, { from: from.place, to: to.place, count: 1, sizes, branch, sources: new Set([source]) });
    else {
      if (!bundle.sizes || bundle.sizes.join() !== sizes.join()) bundle.sizes = null;
      bundle.count = bundle.sources.add(source).size;
      bundle.branch &&= branch;
    }
  }
  return new Map(
    Array.from(flows, ([key, { bundles, ins, outs }]) => [
      key,
      { ins, outs, bundles: Array.from(bundles.values(), ({ sources: _, ...bundle }) => bundle) },
    ]),
  );
}

/**
 * The flow if only the children `first` to `end` (exclusive) of `all` are shown; the hidden ones before and after them
 * become one node each.
 */
export function cutFlow(flow: Flow, first: number, end: number, all: number): Flow {
  if (first === 0 && end >= all) return flow;
  const lead = first > 0 ? first - 1 : 0;
  const placeOf = (place: number): number => Math.max(lead, Math.min(place, end)) - lead;
  const merged = new Map<string, Bundle>();
  for (const bundle of flow.bundles) {
    const [from, to] = [placeOf(bundle.from), placeOf(bundle.to)];
    const known = merged.get(`${from}>${to}`);
    if (from === to) continue;
    if (!known) merged.set(`${from}>${to}`, { ...bundle, from, to });
    else
      Object.assign(known, {
        count: known.count + bundle.count,
        sizes: known.sizes?.join() === bundle.sizes?.join() ? known.sizes : null,
        branch: known.branch && bundle.branch,
      });
  }
  const cut = (places: Set<number>): Set<number> => new Set(Array.from(places, placeOf));
  return { bundles: [...merged.values()], ins: cut(flow.ins), outs: cut(flow.outs) };
}

/**
 * A connection that skips others, from an index (-1: the outside) to an index (the number of children: the outside), in
 * a lane of its own.
 */
export interface Skip {
  from: number;
  to: number;
  lane: number;
  branch?: boolean;
}

export interface Column {
  /** Indices from top to bottom: the chain, then those without connections. */
  order: number[];
  /** The bundle from each in `order` to the next, if there is one. */
  spine: (Bundle | null)[];
  skips: Skip[];
  lanes: number;
}

/** The most lanes of a column; more of one that would otherwise not fit into the pane. */
const LANES = 2;
const LANES_LOOSE = 6;

/**
 * The flow as a column, if it is a chain with few skips. Null: it branches.
 *
 * `loose`: branches are written below each other, one after the other, if a few lanes are enough for what skips them.
 */
export function asColumn({ bundles, ins, outs }: Flow, count: number, loose = false): Column | null {
  const touched = new Set([...ins, ...outs, ...bundles.flatMap(({ from, to }) => [from, to])]);
  const all = Array.from({ length: count }, (_, place) => place);
  if (bundles.length === 0 && (ins.size < 2 || count > 6))
    return { order: all, spine: all.map(() => null), skips: [], lanes: 0 };
  const chain = (loose ? branchByBranch(bundles, all) : all).filter((place) => touched.has(place));
  const index = new Map(chain.map((place, i) => [place, i]));
  const next = new Map<number, Bundle>();
  const skips: Skip[] = [];
  const fed = new Set(Array.from(ins, (place) => index.get(place)));
  for (const bundle of bundles) {
    const [from, to] = [index.get(bundle.from) ?? -1, index.get(bundle.to) ?? -1];
    if (to < from) return null;
    fed.add(to);
    if (to === from + 1) next.set(from, bundle);
    else skips.push({ from, to, lane: 0, branch: bundle.branch });
  }
  // What has no input, such as an embedding of positions, may stand in between.
  if (!loose && chain.some((_, i) => i > 0 && !next.has(i - 1) && fed.has(i))) return null;
  const entry = Array.from(ins, (place) => index.get(place) ?? 0).filter((i) => i > 0);
  const exit = Array.from(outs, (place) => index.get(place) ?? 0).filter((i) => i < chain.length - 1);
  for (const to of entry) skips.push({ from: -1, to, lane: 0 });
  for (const from of exit) skips.push({ from, to: chain.length, lane: 0 });
  const lanes = assignLanes(skips);
  if (lanes > (loose ? LANES_LOOSE : LANES)) return null;
  const order = [...chain, ...all.filter((place) => !touched.has(place))];
  return { order, spine: order.map((_, i) => next.get(i) ?? null), skips, lanes };
}

/** An order in which data flow downwards and each branch is in one piece. */
function branchByBranch(bundles: Bundle[], all: number[]): number[] {
  const [before, leading] = [new Map<number, number[]>(), new Set<number>()];
  for (const { from, to } of bundles) {
    getOrInsert(before, to, () => []).push(from);
    leading.add(from);
  }
  const order = new Set<number>();
  const visit = (place: number, seen: Set<number>): void => {
    if (order.has(place) || seen.has(place)) return;
    seen.add(place);
    for (const source of (before.get(place) ?? []).sort((a, b) => a - b)) visit(source, seen);
    order.add(place);
  };
  const seen = new Set<number>();
  for (const place of [...all.filter((own) => !leading.has(own)), ...all]) visit(place, seen);
  return [...order];
}

/**
 * Skips from one place, or to one, share a lane. Short ones are close to the chain; others share a lane if one ends
 * before, or where, the other begins.
 */
function assignLanes(skips: Skip[]): number {
  const [from, to] = [new Map<number, Skip[]>(), new Map<number, Skip[]>()];
  for (const skip of skips) {
    getOrInsert(from, skip.from, () => []).push(skip);
    getOrInsert(to, skip.to, () => []).push(skip);
  }
  const trunks = new Map<Skip[], { from: number; to: number; skips: Skip[] }>();
  for (const skip of skips) {
    const [leaving, coming] = [from.get(skip.from) ?? [], to.get(skip.to) ?? []];
    const trunk = getOrInsert(trunks, coming.length > leaving.length ? coming : leaving, () => ({
      from: skip.from,
      to: skip.to,
      skips: [],
    }));
    trunk.skips.push(skip);
    [trunk.from, trunk.to] = [Math.min(trunk.from, skip.from), Math.max(trunk.to, skip.to)];
  }
  const lanes: { from: number; to: number }[][] = [];
  for (const trunk of [...trunks.values()].sort((a, b) => a.to - a.from - (b.to - b.from) || a.from - b.from)) {
    let lane = lanes.findIndex((taken) => taken.every((other) => other.to <= trunk.from || trunk.to <= other.from));
    if (lane < 0) lane = lanes.push([]) - 1;
    lanes[lane]?.push(trunk);
    for (const skip of trunk.skips) skip.lane = lane;
  }
  return lanes.length;
}
