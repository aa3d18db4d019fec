import type { Graph, GraphNode, NodeKind } from "../api/types";

/**
 * The nested model as the graph view shows it: modules hold what ran inside of them; runs of equal blocks are held by a
 * fold of their own.
 */
export interface TreeNode {
  key: string;
  name: string;
  type: string;
  kind: NodeKind | "fold";
  parent: TreeNode | null;
  children: TreeNode[];
  /** Place among the parent's children. */
  place: number;
  /** 0 for the children of the model itself. */
  depth: number;
  /** A recorded layer. */
  recorded: boolean;
  /** Recorded layers in here, itself included. */
  inside: number;
  /** "Res × 3", when all that is inside are equal blocks. */
  repeats: string | null;
  /** Null for folds. */
  node: GraphNode | null;
}

export interface Tree {
  root: TreeNode;
  byKey: Map<string, TreeNode>;
  /** How many there are to choose from: modules without modules inside, and whatever is recorded. */
  layers: number;
  recorded: number;
}

/** Equal blocks in a row from this many on are folded. */
const FOLD_FROM = 3;

export function buildTree(graph: Graph, recorded: readonly string[]): Tree {
  const chosen = new Set(recorded);
  const byKey = new Map<string, TreeNode>();
  for (const node of graph.nodes) {
    const { key, name, type, kind } = node;
    const item: TreeNode = { ...blank, key, name, type, kind, children: [], recorded: chosen.has(key), node };
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
  const signatures = new Map<TreeNode, number>();
  sign(root, signatures);
  settle(tree, root, null, -1, signatures);
  tree.recorded = root.inside;
  for (const item of byKey.values()) {
    const leaf = item.kind === "module" && !item.children.some(({ kind }) => kind === "module" || kind === "fold");
    if (item.recorded || leaf) tree.layers++;
  }
  return tree;
}

const blank: TreeNode = {
  key: "",
  name: "",
  type: "",
  kind: "module",
  parent: null,
  children: [],
  place: 0,
  depth: 0,
  recorded: false,
  inside: 0,
  repeats: null,
  node: null,
};

/** A number that two nodes share when their types, and the types of all that is inside, are the same. */
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

/** From the leaves up: folds, counts, places. */
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
  if (whole) item.repeats = `${item.children[0]?.type} × ${item.children.length}`;
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

const isBlock = (item: TreeNode | undefined): boolean => item?.kind === "module" && item.children.length > 0;

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

/** Those in which it lies, outermost first, without the model itself. */
export function ancestors(item: TreeNode): TreeNode[] {
  const found: TreeNode[] = [];
  for (let up = item.parent; up?.parent; up = up.parent) found.unshift(up);
  return found;
}

/** Recorded layers in here, in the order in which they ran, itself last. */
export function recordedIn(item: TreeNode, limit = Infinity): string[] {
  if (item.inside === 0) return [];
  const found: string[] = [];
  for (const child of item.children) {
    if (found.length >= limit) break;
    found.push(...recordedIn(child, limit - found.length));
  }
  if (item.recorded && found.length < limit) found.push(item.key);
  return found;
}

/**
 * What is open before anyone opens anything: all of a small model but its folded blocks; of a large one the wrappers
 * around everything.
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

/** Repeated blocks, drawn as a pile. */
export const isStacked = (item: TreeNode): boolean => item.kind === "fold" || item.repeats !== null;

/** Children of a module that are laid out at once; of one that branches fewer, for that costs more. */
export const PAGE = 300;
