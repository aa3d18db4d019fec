import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Graph } from "../../api/types";
import type { Answer, Question } from "../../layout/graph.worker";
import workerAddress from "../../layout/graph.worker.ts?worker&url";
import type { Box, Drawing } from "../../layout/graphDrawing";
import { buildFlows, type Flow } from "../../layout/graphFlow";
import { layoutGraph, type Page } from "../../layout/graphLayout";
import { ancestors, buildTree, isGroup, openAtFirst, type Tree, type TreeNode } from "../../layout/graphTree";
import { toggleLayer } from "../../state/actions";
import { graph, snapshot } from "../../state/data";
import { openModules } from "../../state/view";

/**
 * What the graph view remembers of its own: what is open, what is chosen, how it is zoomed; and the drawing that the
 * worker makes of it.
 */

const pages = signal<ReadonlyMap<string, Page>>(new Map());
/** Of the pane; 0 while it is not there. */
export const width = signal(0);
export const scale = signal(1);
/** The node that has the keyboard's place in the tree. */
export const current = signal<string | null>(null);
/** The node that was clicked last: its detail stands under the graph. */
export const chosen = signal<string | null>(null);
/** A node that is to be scrolled to once it is drawn; `focus`: it gets the keyboard too. */
export const wanted = signal<{ key: string; focus: boolean } | null>(null);
export const found = signal<{ query: string; keys: string[]; all: Set<string>; at: number } | null>(null);
export const problem = signal<string | null>(null);

interface Built {
  graph: Graph;
  recorded: string[];
  tree: Tree;
  flows?: Map<string, Flow>;
}

let last: Built | null = null;

/**
 * The tree of the graph that is there, with the recorded layers of the snapshot. Steps record the same layers: then it
 * is the same tree.
 */
const built: ReadonlySignal<Built | null> = computed(() => {
  const there = graph.value.value;
  const recorded = snapshot.value.value?.layers.map(({ name }) => name) ?? [];
  if (!there) return null;
  if (last?.graph === there && last.recorded.join("\n") === recorded.join("\n")) return last;
  last = { graph: there, recorded, tree: buildTree(there, recorded) };
  return last;
});

export const tree: ReadonlySignal<Tree | null> = computed(() => built.value?.tree ?? null);

/** Open modules: the user's, as far as this model has them, else what is open at first. */
export const open: ReadonlySignal<ReadonlySet<string>> = computed(() => {
  const [there, own] = [tree.value, openModules.value];
  if (!there) return new Set<string>();
  const kept = own?.filter((key) => there.byKey.has(key));
  return new Set(kept && (kept.length > 0 || own?.length === 0) ? kept : openAtFirst(there));
});

export interface Shown {
  drawing: Drawing;
  tree: Tree;
  boxes: Map<string, Box>;
}

/** The newest drawing; it stays while another one is made. */
export const shown = signal<Shown | null>(null);

/** Up to this many nodes the page itself lays out what needs no dagre: that is faster than a worker starts. */
const SMALL = 2000;

class Branches extends Error {}

/**
 * Lays out whenever something changes, while the view is there: columns at once, branches and large graphs in a worker.
 * Returns what ends it.
 */
export function followLayout(): () => void {
  let worker: Worker | null = null;
  let sent: Built | null = null;
  let number = 0;
  const show = (drawing: Drawing, of: Tree): void =>
    batch(() => {
      problem.value = null;
      shown.value = { drawing, tree: of, boxes: new Map(drawing.boxes.map((box) => [boxKey(box), box])) };
    });
  const start = (): Worker => {
    const made = new Worker(workerAddress, { type: "module" });
    made.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.number !== number || !sent) return;
      if ("problem" in data) problem.value = data.problem;
      else show(data.drawing, sent.tree);
    };
    made.onerror = (event) => {
      event.preventDefault();
      problem.value = event.message || "The script that lays out the graph could not be loaded.";
    };
    return made;
  };
  const ask = (question: Question): void => {
    worker ??= start();
    worker.postMessage(question);
  };
  const stop = effect(() => {
    const now = built.value;
    if (!now || width.value === 0) return;
    const request = { open: open.value, pages: pages.value, width: width.value };
    number++;
    if (now.graph.nodes.length <= SMALL) {
      try {
        now.flows ??= buildFlows(now.graph, now.tree);
        show(
          layoutGraph(
            now.tree,
            now.flows,
            request,
            () => {
              throw new Branches();
            },
            new Map(),
          ),
          now.tree,
        );
        return;
      } catch (error) {
        if (!(error instanceof Branches)) throw error;
      }
    }
    if (now !== sent) ask({ kind: "graph", graph: now.graph, recorded: now.recorded });
    sent = now;
    ask({ kind: "layout", number, open: [...request.open], pages: [...request.pages], width: request.width });
  });
  return () => {
    stop();
    worker?.terminate();
  };
}

/** A "show more" belongs to its module but is a box of its own. */
export const boxKey = ({ form, key, before }: Box): string =>
  form === "more" ? `${key}+${before ? "before" : "more"}` : key;

export function setOpen(key: string, wide: boolean): void {
  const next = new Set(open.peek());
  if (wide) next.add(key);
  else next.delete(key);
  openModules.value = [...next];
}

export function toggleOpen(key: string): void {
  current.value = key;
  setOpen(key, !open.peek().has(key));
}

export function showMore({ key, before }: Box): void {
  const [at, lead, tail] = pages.peek().get(key) ?? [0, 0, 0];
  pages.value = new Map(pages.peek()).set(key, before ? [at, lead + 1, tail] : [at, lead, tail + 1]);
}

/** What a click does: a recorded layer's panel opens or closes, and the node is the one whose detail is shown. */
export function choose(item: TreeNode): void {
  batch(() => {
    chosen.value = item.key;
    current.value = item.key;
    // Its detail takes room from the drawing: it stays in sight.
    wanted.value = { key: item.key, focus: true };
    if (item.recorded) toggleLayer(item.key);
  });
}

/** Opens all that the node lies in, and goes there. */
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
    current.value = item.key;
    wanted.value = { key: item.key, focus };
  });
}

export const isOpenGroup = (item: TreeNode): boolean => isGroup(item) && open.value.has(item.key);
