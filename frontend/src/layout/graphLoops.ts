/**
 * Finds the loops in a module's forward, as `for layer in self.layers: x = relu(layer(x)) + x`, and makes a group of
 * what runs in each of their steps.
 */

import type { Graph } from "../api/types";
import { getOrInsert } from "../lib/getOrInsert";
import { groupOf, isNamedByType, type TreeNode, unusedKey } from "./graphNode";

/** Modules of one name and a number, `conv1`, `conv2`, …, are taken for a list if there are so many. */
const NUMBERED_FROM = 6;

/** Modules that run one after the other in a loop: those of a list, or of one name with a number. */
interface Row {
  /** Null for modules that are in no list. */
  list: TreeNode | null;
  name: string;
  modules: TreeNode[];
}

/**
 * Rearranges the children of a module: the operators between two modules of a list, which the graph has beside the
 * list, go into a group with the module they follow; lists whose modules take turns become one.
 */
export class Loops {
  readonly #byKey: Map<string, TreeNode>;
  readonly #order: Map<TreeNode, number>;
  readonly #before = new Map<TreeNode, TreeNode[]>();

  constructor(graph: Graph, byKey: Map<string, TreeNode>) {
    this.#byKey = byKey;
    this.#order = new Map(Array.from(byKey.values(), (item, i) => [item, i]));
    for (const { source, target } of graph.edges) {
      const [from, to] = [byKey.get(source), byKey.get(target)];
      if (from && to) getOrInsert(this.#before, to, () => []).push(from);
    }
  }

  /** Groups what `parent` runs between the modules of its lists. */
  rearrange(parent: TreeNode): void {
    const rows = [...parent.children.filter(isList).map(rowOf), ...numbered(parent.children)];
    if (rows.length === 0) return;
    const rowOfModule = new Map(rows.flatMap((row) => row.modules.map((item) => [item, row] as const)));
    const others = parent.children.filter((item) => !isList(item) && !rowOfModule.has(item));
    const run = [...rowOfModule.keys(), ...others].sort((a, b) => this.#at(a) - this.#at(b));
    let changed = false;
    for (const loop of takingTurns(rows, run)) changed = this.#group(parent, loop, run, rowOfModule) || changed;
    if (changed) parent.children.sort((a, b) => this.#at(a) - this.#at(b));
  }

  #at(item: TreeNode): number {
    return this.#order.get(item) ?? 0;
  }

  /** Makes groups of the steps of one loop; whether there was anything to group. */
  #group(parent: TreeNode, loop: Row[], run: TreeNode[], rowOfModule: Map<TreeNode, Row>): boolean {
    const parts = this.#steps(loop, run, rowOfModule);
    const groups = parts.flat().filter((step) => step.length > 1);
    if (groups.length < 2) return false;
    const inGroups = new Set(groups.flat());
    parent.children = parent.children.filter((item) => !inGroups.has(item));
    const wrap = (step: TreeNode[]): TreeNode => {
      const first = step[0] as TreeNode;
      if (step.length === 1) return first;
      const key = unusedKey(this.#byKey, `${first.key}+`);
      const name = /[^.]*$/.exec(first.name)?.[0];
      const group = groupOf(key, (loop[0]?.list ? name : /\d+$/.exec(first.name)?.[0]) ?? "", first.type, step);
      this.#order.set(group, this.#at(first));
      this.#byKey.set(key, group);
      return group;
    };
    const [only, ...more] = loop;
    if (only?.list && more.length === 0 && parts.length === 1) {
      const firstOf = new Map(groups.map((step) => [step[0], step]));
      const put = (list: TreeNode): void => {
        list.children = list.children.map((item) => {
          if (isList(item)) put(item);
          const step = firstOf.get(item);
          return step ? wrap(step) : item;
        });
      };
      put(only.list);
      return true;
    }
    const lists = new Set(loop.map(({ list }) => list));
    for (const list of lists) if (list) this.#byKey.delete(list.key);
    parent.children = parent.children.filter((item) => !lists.has(item));
    const name = loop.map((row) => row.name).join(", ");
    if (loop.length > 1)
      for (const { list, modules } of loop)
        for (const item of list ? modules : []) item.name = `${list?.name}.${item.name}`;
    for (const part of parts) {
      const steps = part.map(wrap);
      const [first, last] = [part[0]?.[0] as TreeNode, part.at(-1)?.[0] as TreeNode];
      const own = new Set(steps);
      parent.children = parent.children.filter((item) => !own.has(item));
      const title = parts.length === 1 ? name : `${name} ${first.name} … ${last.name}`;
      const key = unusedKey(this.#byKey, `${first.key}…${last.key}+`);
      const whole = groupOf(key, title, "", steps);
      this.#order.set(whole, this.#at(first));
      this.#byKey.set(key, whole);
      parent.children.push(whole);
    }
    return true;
  }

  /** The steps of a loop, in parts where something else runs in between. */
  #steps(loop: Row[], run: TreeNode[], rowOfModule: Map<TreeNode, Row>): TreeNode[][][] {
    const own = new Set(loop);
    const isOwn = (item: TreeNode): boolean => own.has(rowOfModule.get(item) as Row);
    const leads = (item: TreeNode): boolean => rowOfModule.get(item) === loop[0];
    const [first, last] = [run.findIndex(isOwn), run.findLastIndex(isOwn)];
    const parts: TreeNode[][][] = [[]];
    const taken = new Set<TreeNode>();
    let [step, closed] = [[] as TreeNode[], false];
    for (const [i, item] of run.entries()) {
      if (i < first) continue;
      const part = parts.at(-1) as TreeNode[][];
      if (isOwn(item)) {
        if (leads(item) || step.length === 0 || closed) {
          if (closed) parts.push([]);
          step = [];
          parts.at(-1)?.push(step);
        }
        closed = false;
      } else {
        // What does not follow from the loop, such as the parts of a mask, stays outside of it.
        if (rowOfModule.has(item) || !this.#follows(item, taken)) continue;
        // After the last module of the loop, the step is as long as the one before.
        const like = part.at(-2)?.[step.length];
        if (closed || !isPassing(item) || (i > last && like?.type !== item.type)) {
          if (i > last) break;
          closed = true;
          continue;
        }
      }
      step.push(item);
      taken.add(item);
    }
    return parts;
  }

  #follows(item: TreeNode, taken: Set<TreeNode>): boolean {
    // Of a module that has nodes inside, the edges lead to these.
    const sources = [...(this.#before.get(item) ?? [])];
    const visit = (inner: TreeNode): void => {
      for (const child of inner.children) {
        sources.push(...(this.#before.get(child) ?? []));
        visit(child);
      }
    };
    visit(item);
    return sources.some((source) => {
      for (let up: TreeNode | null = source; up; up = up.parent) if (taken.has(up)) return true;
      return false;
    });
  }
}

/** A list of modules, which is not called itself. */
const isList = ({ kind, node, children }: TreeNode): boolean =>
  kind === "module" && node?.outputs.length === 0 && children.length > 1 && children.every(isModule);

const isModule = ({ kind }: TreeNode): boolean => kind === "module";

/** Operators, and modules that are called again and again, as one activation after every layer. */
const isPassing = ({ kind, node }: TreeNode): boolean =>
  kind === "operator" || (kind === "module" && (node?.calls ?? 0) > 1);

const rowOf = (list: TreeNode): Row => ({
  list,
  name: list.name,
  modules: list.children.flatMap((item) => (isList(item) ? rowOf(item).modules : [item])),
});

function numbered(children: TreeNode[]): Row[] {
  const byName = new Map<string, TreeNode[]>();
  for (const item of children) {
    const name = /^(.*?)[_.-]?\d+$/.exec(item.name)?.[1];
    if (name && isModule(item) && item.node?.calls === 1 && !isNamedByType(item))
      getOrInsert(byName, name, () => []).push(item);
  }
  return Array.from(byName, ([name, modules]) => ({ list: null, name, modules })).filter(
    ({ modules }) => modules.length >= NUMBERED_FROM,
  );
}

/** Rows whose modules run in turns are of one loop. */
function takingTurns(rows: Row[], run: TreeNode[]): Row[][] {
  const at = new Map(run.map((item, i) => [item, i]));
  const spans = rows.map((row) => {
    const places = row.modules.map((item) => at.get(item) ?? 0);
    return { rows: [row], first: Math.min(...places), last: Math.max(...places) };
  });
  spans.sort((a, b) => a.first - b.first);
  const loops: typeof spans = [];
  for (const span of spans) {
    const before = loops.at(-1);
    if (before && span.first < before.last) {
      before.rows.push(...span.rows);
      before.last = Math.max(before.last, span.last);
    } else loops.push(span);
  }
  return loops.map((loop) => loop.rows);
}
