/** State of the graph view: open modules, selected node, zoom, search; and the current layout. */

import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Graph } from "../../api/types";
import type { Answer, Question } from "../../layout/graph.worker";
import workerAddress from "../../layout/graph.worker.ts?worker&url";
import type { Box, Drawing } from "../../layout/graphDrawing";
import { buildFlows, type Flow } from "../../layout/graphFlow";
import { layoutGraph, type Page } from "../../layout/graphLayout";
import type { Branching, LayBranches } from "../../layout/graphPlan";
import { ancestors, buildTree, isGroup, openAtFirst, type Tree, type TreeNode } from "../../layout/graphTree";
import { toggleLayer } from "../../state/actions";
import { graph, snapshot } from "../../state/data";
import { openModules } from "../../state/view";

const pages = signal<ReadonlyMap<string, Page>>(new Map());
/** Width of the pane; 0 before it is rendered. */
export const width = signal(0);
export const scale = signal(1);
/** The node with the keyboard focus. */
export const focusedNode = signal<string | null>(null);
/** The node that was clicked last; its detail is below the graph. */
export const selectedNode = signal<string | null>(null);
/** A node to scroll to once it is drawn; `focus`: focus it as well. */
export const scrollTarget = signal<{ key: string; focus: boolean } | null>(null);
export const searchHits = signal<{ query: string; keys: string[]; all: Set<string>; at: number } | null>(null);
export const problem = signal<string | null>(null);

interface Built {
  graph: Graph;
  recorded: string[];
  tree: Tree;
  flows?: Map<string, Flow>;
  /** What the worker answered, by the layout's key; null while it is asked. */
  branches: Map<string, Branching | null>;
}

let last: Built | null = null;

/**
 * The tree of the graph, with the recorded layers of the snapshot. All steps record the same layers, so the tree is
 * reused.
 */
const built: ReadonlySignal<Built | null> = computed(() => {
  const graphValue = graph.value.value;
  const recorded = snapshot.value.value?.layers.map(({ name }) => name) ?? [];
  if (!graphValue) return null;
  if (last?.graph === graphValue && last.recorded.join("\n") === recorded.join("\n")) return last;
  last = { graph: graphValue, recorded, tree: buildTree(graphValue, recorded), branches: new Map() };
  return last;
});

export const tree: ReadonlySignal<Tree | null> = computed(() => built.value?.tree ?? null);

/** Open modules: those of the user that this model has, else the default. */
export const open: ReadonlySignal<ReadonlySet<string>> = computed(() => {
  const [currentTree, own] = [tree.value, openModules.value];
  if (!currentTree) return new Set<string>();
  const stillThere = own?.filter((key) => currentTree.byKey.has(key));
  return new Set(stillThere && (stillThere.length > 0 || own?.length === 0) ? stillThere : openAtFirst(currentTree));
});

export interface Shown {
  drawing: Drawing;
  tree: Tree;
  boxes: Map<string, Box>;
}

/** The newest drawing; it stays while another one is computed. */
export const shown = signal<Shown | null>(null);

/**
 * Updates the layout when something changes; a worker lays out what branches. Returns a function that stops it.
 */
export function followLayout(): () => void {
  let worker: Worker | null = null;
  const asked: { of: Built; key: string }[] = [];
  const answered = signal(0);
  const fail = (message: string): void => {
    problem.value = message || "The script that lays out the graph could not be loaded.";
  };
  const start = (): Worker => {
    const made = new Worker(workerAddress, { type: "module" });
    made.onmessage = ({ data }: MessageEvent<Answer>) => {
      const question = asked[data.number];
      if ("problem" in data) fail(data.problem);
      else question?.of.branches.set(question.key, data.branching);
      answered.value++;
    };
    made.onerror = (event) => {
      event.preventDefault();
      fail(event.message);
    };
    return made;
  };
  const stop = effect(() => {
    const now = built.value;
    if (!now || width.value === 0 || answered.value < 0) return;
    now.flows ??= buildFlows(now.graph, now.tree);
    const request = { open: open.value, pages: pages.value, width: width.value };
    const lay: LayBranches = (sizes, edges, key) => {
      const known = now.branches.get(key);
      if (known !== undefined) return known;
      now.branches.set(key, null);
      worker ??= start();
      worker.postMessage({ number: asked.push({ of: now, key }) - 1, sizes, edges } satisfies Question);
      return null;
    };
    const drawing = layoutGraph(now.tree, now.flows, request, lay);
    if (!drawing) return;
    batch(() => {
      problem.value = null;
      shown.value = { drawing, tree: now.tree, boxes: new Map(drawing.boxes.map((box) => [boxKey(box), box])) };
    });
  });
  return () => {
    stop();
    worker?.terminate();
  };
}

/** A "show more" has the key of its module but is a box of its own. */
export const boxKey = ({ form, key, before }: Box): string =>
  form === "more" ? `${key}+${before ? "before" : "more"}` : key;

/** The drawn element of a node, by its box's key. */
export const nodeElement = (key: string): SVGElement | null =>
  document.getElementById(`graph-${key}`) as unknown as SVGElement | null;

export function setOpen(key: string, wide: boolean): void {
  const next = new Set(open.peek());
  if (wide) next.add(key);
  else next.delete(key);
  openModules.value = [...next];
}

export function toggleOpen(key: string): void {
  focusedNode.value = key;
  setOpen(key, !open.peek().has(key));
}

export function showMore({ key, before }: Box): void {
  const [at, lead, tail] = pages.peek().get(key) ?? [0, 0, 0];
  pages.value = new Map(pages.peek()).set(key, before ? [at, lead + 1, tail] : [at, lead, tail + 1]);
}

/** A click: opens or closes the panel of a recorded layer, and shows the node's detail. */
export function choose(item: TreeNode): void {
  batch(() => {
    selectedNode.value = item.key;
    focusedNode.value = item.key;
    // The detail takes room from the drawing: keep the node visible.
    scrollTarget.value = { key: item.key, focus: true };
    if (item.recorded) toggleLayer(item.key);
  });
}

/** Opens all ancestors of the node and scrolls to it. */
export function reveal(item: TreeNode, focus = false): void {
  batch(() => {
    const next = new Set(open.peek());
    const paged = new Map<string, Page>();
    const boxes = shown.peek()?.boxes;
    for (const up of ancestors(item)) next.add(up.key);
    for (const inner of [...ancestors(item), item])
      if (inner.parent && !boxes?.has(inner.key)) paged.set(inner.parent.key, [inner.place, 0, 0]);
    if (next.size !== open.peek().size) openModules.value = [...next];
    if (paged.size > 0) pages.value = new Map([...pages.peek(), ...paged]);
    focusedNode.value = item.key;
    scrollTarget.value = { key: item.key, focus };
  });
}

export const isOpenGroup = (item: TreeNode): boolean => isGroup(item) && open.value.has(item.key);
