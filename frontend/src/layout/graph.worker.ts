/** The web worker that lays out branches of the model graph in layers, which may take a while. */

import { layBranches } from "./graphLayered";
import type { Branching, BranchingEdge } from "./graphPlan";

/** A message to the worker: boxes and the edges among them. The answer repeats the number. */
export interface Question {
  number: number;
  sizes: { width: number; height: number }[];
  edges: BranchingEdge[];
}

export type Answer = { number: number; branching: Branching } | { number: number; problem: string };

const send = (answer: Answer): void =>
  (globalThis as unknown as { postMessage: (message: Answer) => void }).postMessage(answer);

addEventListener("message", ({ data: { number, sizes, edges } }: MessageEvent<Question>) => {
  try {
    send({ number, branching: layBranches(sizes, edges) });
  } catch (error) {
    send({ number, problem: error instanceof Error ? error.message : String(error) });
  }
});
