/** Groups the many layers of a flat graph by the prefixes of their names, as Keras's `conv2_block1_1_conv`. */

import { groupOf, isNamedByType, type TreeNode, unusedKey } from "./graphNode";

/** Up to this many nodes beside each other are left as they are. */
const FEW = 20;

/** Puts consecutive nodes whose names begin alike into groups, and these into groups of their own where they are many. */
export function groupByPrefix(parent: TreeNode, byKey: Map<string, TreeNode>, path = ""): void {
  const { children } = parent;
  if (children.length <= FEW) return;
  const runs: { word: string | null; items: TreeNode[] }[] = [];
  for (const item of children) {
    const word = firstWord(item);
    const last = runs.at(-1);
    if (last && word !== null && last.word === word) last.items.push(item);
    else runs.push({ word, items: [item] });
  }
  parent.children = runs.flatMap(({ items }) => {
    const prefix = items.length > 1 ? sharedPrefix(items.map(({ name }) => name)) : "";
    if (!prefix) return items;
    const full = path + prefix;
    const key = unusedKey(byKey, `${parent.node?.key ? `${parent.node.key}.` : ""}${full}*`);
    for (const item of items) item.name = item.name.slice(prefix.length).replace(/^[_./-]+/, "") || item.name;
    const group = groupOf(key, prefix, "", items);
    byKey.set(key, group);
    groupByPrefix(group, byKey, `${full}_`);
    return [group];
  });
}

/** Null where the name says nothing of what the node belongs to. */
const firstWord = (item: TreeNode): string | null =>
  item.kind !== "module" || isNamedByType(item) ? null : (/^[^_./-]+/.exec(item.name)?.[0] ?? null);

/** The longest beginning of all names that ends where a word ends, or a number begins. */
function sharedPrefix(names: string[]): string {
  const [shortest = "", ...others] = [...names].sort((a, b) => a.length - b.length);
  let length = shortest.length;
  for (const name of others) while (!name.startsWith(shortest.slice(0, length))) length--;
  const ends = (at: number): boolean =>
    names.every((name) => /^($|[_./-])/.test(name.slice(at))) ||
    /[_./-]$/.test(shortest.slice(0, at)) ||
    (/\D$/.test(shortest.slice(0, at)) && names.every((name) => /^\d/.test(name.slice(at))));
  while (length > 0 && !ends(length)) length--;
  return shortest.slice(0, length).replace(/[_./-]+$/, "");
}
