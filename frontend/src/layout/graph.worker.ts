/** The web worker that lays out the model graph. */

import type { Graph } from "../api/types";
import { layBranches } from "./graphDagre";
import type { Drawing } from "./graphDrawing";
import { buildFlows, type Flow } from "./graphFlow";
import { layoutGraph, type Page } from "./graphLayout";
import type { Branching } from "./graphPlan";
import { buildTree, type Tree } from "./graphTree";

/** Messages to the worker: first the graph, then layout requests, whose number the answer repeats. */
export type Question =
  | { kind: "graph"; graph: Graph; recorded: string[] }
  | { kind: "layout"; number: number; open: string[]; pages: [string, Page][]; width: number };

export type Answer = { number: number; drawing: Drawing } | { number: number; problem: string };

let tree: Tree | null = null;
let flows: Map<string, Flow> = new Map();
let branches = new Map<string, Branching>();

const send = (answer: Answer): void =>
  (globalThis as unknown as { postMessage: (message: Answer) => void }).postMessage(answer);

addEventListener("message", ({ data }: MessageEvent<Question>) => {
  if (data.kind === "graph") {
    tree = buildTree(data.graph, data.recorded);
    flows = buildFlows(data.graph, tree);
    branches = new Map();
  } else if (tree) {
    const { number, open, pages, width } = data;
    try {
      send({
        number,
        drawing: layoutGraph(tree, flows, { open: new Set(open), pages: new Map(pages), width }, layBranches, branches),
      });
    } catch (error) {
      send({ number, problem: error instanceof Error ? error.message : String(error) });
    }
  }
});
