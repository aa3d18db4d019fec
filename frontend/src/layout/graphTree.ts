/** Builds the tree of modules from the graph; runs of equal blocks are folded into one node. */

import type { Graph } from "../api/types";
import { Loops } from "./graphLoops";
import { blank, type TreeNode } from "./graphNode";
import { groupByPrefix } from "./graphPrefixes";

export type { TreeNode } from "./graphNode";

export interface Tree {
  root: TreeNode;
  byKey: Map<string, TreeNode>;
  /** Number of layers that can be recorded: modules without submodules, and whatever is recorded. */
  layers: number;
  recorded: number;
}

/** The least number of equal consecutive blocks that are folded. */
const FOLD_FROM = 3;

export function buildTree(graph: Graph, recorded: readonly string[]): Tree {
  const recordedNames = new Set(recorded);
  const byKey = new Map<string, TreeNode>();
  for (const node of graph.nodes) {
    const { key, name, type, kind } = node;
    const item: TreeNode = { ...blank, key, name, type, kind, children: [], recorded: recordedNames.has(key), node };
    byKey.set(key, item);
  }
  const tops: TreeNode[] = [];
  for (const item of byKey.values()) {
    const parent = item.node?.parent === null ? undefined : byKey.get(item.node?.parent ?? "");
    if (parent && parent !== item) {
      item.parent = parent;
      parent.children.push(item);
    } else tops.push(item);
  }
  const only = tops.length === 1 ? tops[0] : undefined;
  const root: TreeNode =
    only && only.children.length > 0
      ? only
      : { ...blank, key: "/model", name: graph.model, kind: "module", children: tops };
  const tree: Tree = { root, byKey, layers: 0, recorded: 0 };
  const loops = new Loops(graph, byKey);
  for (const item of [root, ...byKey.values()]) loops.rearrange(item);
  for (const item of [root, ...byKey.values()]) groupByPrefix(item, byKey);
  const signatures = new Map<TreeNode, number>();
  sign(root, signatures);
  settle(tree, root, null, -1, signatures);
  tree.recorded = root.inside;
  for (const item of byKey.values()) {
    const leaf = item.kind === "module" && !item.children.some(isModule);
    if (item.recorded || leaf) tree.layers++;
  }
  return tree;
}

/** A hash of the types in the subtree: equal for nodes of equal structure. */
function sign(item: TreeNode, signatures: Map<TreeNode, number>): number {
  let hash = 2166136261;
  const take = (value: number): void => {
    hash = Math.imul(hash ^ value, 16777619);
  };
  for (let i = 0; i < item.type.length; i++) take(item.type.charCodeAt(i));
  for (const child of item.children) take(sign(child, signatures));
  take(item.children.length);
  signatures.set(item, hash);
  return hash;
}

/** Sets folds, counts and indices, from the leaves up. */
function settle(
  tree: Tree,
  item: TreeNode,
  parent: TreeNode | null,
  depth: number,
  signatures: Map<TreeNode, number>,
): void {
  item.parent = parent;
  item.depth = depth;
  const runs = runsOf(item.children, signatures);
  const whole = runs.length === 1 && runs[0] && isBlock(runs[0][0]) && runs[0].length > 1;
  if (whole) item.repeats = `${item.children[0]?.type} × ${item.children.length}`.trim();
  else if (item.kind !== "fold") {
    item.children = runs.flatMap((run) => (run.length >= FOLD_FROM && isBlock(run[0]) ? [fold(tree, run)] : run));
  }
  item.inside = Number(item.recorded);
  item.children.forEach((child, place) => {
    settle(tree, child, item, depth + 1, signatures);
    child.place = place;
    item.inside += child.inside;
  });
}

const isModule = ({ kind }: TreeNode): boolean => kind === "module" || kind === "fold" || kind === "group";

const isBlock = (item: TreeNode | undefined): boolean =>
  (item?.kind === "module" || item?.kind === "group") && item.children.length > 0;

function runsOf(children: TreeNode[], signatures: Map<TreeNode, number>): TreeNode[][] {
  const runs: TreeNode[][] = [];
  for (const child of children) {
    const last = runs.at(-1);
    if (last?.[0] && signatures.get(last[0]) === signatures.get(child)) last.push(child);
    else runs.push([child]);
  }
  return runs;
}

function fold(tree: Tree, run: TreeNode[]): TreeNode {
  const [first, last] = [run[0] as TreeNode, run.at(-1) as TreeNode];
  const key = `${first.key}…${last.key}`;
  const item: TreeNode = {
    ...blank,
    key,
    name: `${first.name} … ${last.name}`,
    type: first.type,
    kind: "fold",
    children: run,
  };
  tree.byKey.set(key, item);
  return item;
}

export const isGroup = (item: TreeNode): boolean => item.children.length > 0;

/** The ancestors, outermost first, without the model itself. */
export function ancestors(item: TreeNode): TreeNode[] {
  const path: TreeNode[] = [];
  for (let up = item.parent; up?.parent; up = up.parent) path.unshift(up);
  return path;
}

/** Recorded layers in the subtree, in execution order, itself last. */
export function recordedIn(item: TreeNode, limit = Infinity): string[] {
  if (item.inside === 0) return [];
  const recordedKeys: string[] = [];
  for (const child of item.children) {
    if (recordedKeys.length >= limit) break;
    recordedKeys.push(...recordedIn(child, limit - recordedKeys.length));
  }
  if (item.recorded && recordedKeys.length < limit) recordedKeys.push(item.key);
  return recordedKeys;
}

/**
 * The modules that are open by default: all of a small model but its folded blocks; of a large one the wrappers around
 * everything.
 */
export function openAtFirst({ root }: Tree, limit = 40): string[] {
  const open: string[] = [];
  let shown = root;
  for (;;) {
    const groups = shown.children.filter(isGroup);
    const wrapper =
      groups.length === 1 &&
      shown.children.every((child) => isGroup(child) || child.kind === "input" || child.kind === "output");
    if (!wrapper || !groups[0] || groups[0].repeats !== null) break;
    shown = groups[0];
    open.push(shown.key);
  }
  const groups = shown.children.filter((child) => isGroup(child) && child.kind !== "fold" && child.repeats === null);
  const total = shown.children.length + groups.reduce((sum, { children }) => sum + children.length, 0);
  return total <= limit ? [...open, ...groups.map(({ key }) => key)] : open;
}

/** Whether it is drawn as a stack of sheets: repeated blocks. */
export const isStacked = (item: TreeNode): boolean => item.kind === "fold" || item.repeats !== null;

/** The most children of a module that are laid out at once; fewer if they branch, which is slower. */
export const PAGE = 300;
