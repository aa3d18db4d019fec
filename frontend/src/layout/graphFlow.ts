import type { Graph } from "../api/types";
import { getOrInsert } from "../lib/getOrInsert";
import type { Tree, TreeNode } from "./graphTree";

/** The data that flows from one child of a module to another, all edges between the two in one. */
export interface Bundle {
  from: number;
  to: number;
  /** Tensors: one that goes to two places inside counts once. */
  count: number;
  /** Null when they are not all of one shape. */
  sizes: number[] | null;
  /** None of them is there in every forward pass. */
  branch?: boolean;
}

/** The flow among the children of one module, by their places, and which of them the outside feeds and reads. */
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

/** Every edge of the graph belongs to the innermost module that holds both of its ends. */
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
 * The flow when only the children from `first` to before `end` of `all` are there; what is hidden before and after has
 * a place of its own each.
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
 * A connection that passes by others: from a place (-1: the outside) to a place (the number of children: the outside),
 * in a lane of its own.
 */
export interface Skip {
  from: number;
  to: number;
  lane: number;
  branch?: boolean;
}

export interface Column {
  /** Places from top to bottom: the chain, then those that nothing connects. */
  order: number[];
  /** Bundle from each in `order` to the next, if there is one. */
  spine: (Bundle | null)[];
  skips: Skip[];
  lanes: number;
}

/** Lanes that a column has at most. With more, it is no column any longer. */
const LANES = 2;

/** The flow as one column, if it is a chain: each feeds the next, few skip. Null: it branches. */
export function asColumn({ bundles, ins, outs }: Flow, count: number): Column | null {
  const touched = new Set([...ins, ...outs, ...bundles.flatMap(({ from, to }) => [from, to])]);
  const all = Array.from({ length: count }, (_, place) => place);
  if (bundles.length === 0 && (ins.size < 2 || count > 6))
    return { order: all, spine: all.map(() => null), skips: [], lanes: 0 };
  const chain = all.filter((place) => touched.has(place));
  const index = new Map(chain.map((place, i) => [place, i]));
  const next = new Map<number, Bundle>();
  const skips: Skip[] = [];
  for (const bundle of bundles) {
    const [from, to] = [index.get(bundle.from) ?? -1, index.get(bundle.to) ?? -1];
    if (to < from) return null;
    if (to === from + 1) next.set(from, bundle);
    else skips.push({ from, to, lane: 0, branch: bundle.branch });
  }
  if (next.size < chain.length - 1) return null;
  const entry = Array.from(ins, (place) => index.get(place) ?? 0).filter((i) => i > 0);
  const exit = Array.from(outs, (place) => index.get(place) ?? 0).filter((i) => i < chain.length - 1);
  if (entry.length > 0) skips.push({ from: -1, to: Math.max(...entry), lane: 0 });
  for (const i of entry) if (i !== Math.max(...entry)) skips.push({ from: -1, to: i, lane: 0 });
  for (const i of exit) skips.push({ from: i, to: chain.length, lane: 0 });
  const lanes = assignLanes(skips);
  if (lanes > LANES) return null;
  const order = [...chain, ...all.filter((place) => !touched.has(place))];
  return { order, spine: order.map((_, i) => next.get(i) ?? null), skips, lanes };
}

/** Short ones close to the chain; two share a lane when one ends before, or where, the other begins. */
function assignLanes(skips: Skip[]): number {
  const lanes: Skip[][] = [];
  for (const skip of skips.sort((a, b) => a.to - a.from - (b.to - b.from) || a.from - b.from)) {
    let lane = lanes.findIndex((taken) => taken.every((other) => other.to <= skip.from || skip.to <= other.from));
    if (lane < 0) lane = lanes.push([]) - 1;
    lanes[lane]?.push(skip);
    skip.lane = lane;
  }
  return lanes.length;
}
