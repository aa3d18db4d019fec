/** Searches the graph's nodes by name and type. */

import type { Tree, TreeNode } from "./graphTree";

/** Nodes that match all words of the query by name, path, type or shape ("32x4x4"), in execution order. */
export function searchTree({ root, byKey }: Tree, query: string): TreeNode[] {
  const words = query.toLowerCase().replaceAll("×", "x").split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const hits: TreeNode[] = [];
  for (const item of byKey.values()) {
    if (item === root || !item.node) continue;
    const text = textOf(item);
    if (words.every((word) => text.includes(word))) hits.push(item);
  }
  return hits;
}

const texts = new WeakMap<TreeNode, string>();

function textOf(item: TreeNode): string {
  let text = texts.get(item);
  if (text === undefined) {
    text = `${item.key} ${item.name} ${item.type}`.toLowerCase();
    for (const { sizes } of item.node?.outputs ?? []) text += ` ${sizes.join("x").replace("-1x", "")}`;
    texts.set(item, text);
  }
  return text;
}
