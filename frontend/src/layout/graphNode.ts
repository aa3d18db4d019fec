/** A node of the tree of the graph. */

import type { GraphNode, NodeKind } from "../api/types";
import { sharedLetters, typedName } from "./names";

/**
 * A module contains what ran inside it; a run of equal blocks is contained in a fold; a group holds what belongs
 * together though no module does.
 */
export interface TreeNode {
  key: string;
  /** What is shown: without the prefix that the group around it says. */
  name: string;
  type: string;
  kind: NodeKind | "fold" | "group";
  parent: TreeNode | null;
  children: TreeNode[];
  /** Index among the parent's children. */
  place: number;
  /** 0 for the children of the model itself. */
  depth: number;
  /** A recorded layer. */
  recorded: boolean;
  /** Number of recorded layers in the subtree. */
  inside: number;
  /** "Res × 3", if all children are equal blocks. */
  repeats: string | null;
  /** Null for folds and groups. */
  node: GraphNode | null;
}

export const blank: TreeNode = {
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

export const groupOf = (key: string, name: string, type: string, children: TreeNode[]): TreeNode => ({
  ...blank,
  key,
  name,
  type,
  kind: "group",
  children,
});

export function unusedKey(byKey: ReadonlyMap<string, unknown>, key: string): string {
  let free = key;
  for (let i = 2; byKey.has(free); i++) free = `${key}${i}`;
  return free;
}

/** Whether a framework made the name of the type, as `max_pooling2d_3`. */
export function isNamedByType({ name, type }: TreeNode): boolean {
  const words = type.replaceAll(/([a-z\d])(?=[A-Z])/g, "$1_").toLowerCase();
  const plain = name.replace(/_?\d+$/, "");
  return [words, words.replaceAll("_", "")].some((own) => plain === own || name === own);
}

/** The name; a number has its type with it. */
export const nodeTitle = (item: TreeNode): string =>
  item.kind === "fold" ? item.name : typedName(item.name, item.type);

const shared = new WeakMap<TreeNode[], Map<string, number>>();

/** Letters at the beginning of its title that another node beside it has, too. */
export function sharedInTitle(item: TreeNode): number {
  const siblings = item.parent?.children ?? [];
  let letters = shared.get(siblings);
  if (!letters) {
    letters = sharedLetters(siblings.map(nodeTitle));
    shared.set(siblings, letters);
  }
  return letters.get(nodeTitle(item)) ?? 0;
}
