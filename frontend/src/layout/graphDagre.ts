import { Graph, layout } from "@dagrejs/dagre";
import type { Branching, LayBranches } from "./graphLayout";

/** Places boxes in ranks from top to bottom (Sugiyama, as dagre does it). A cycle is turned round and drawn back. */
export const layBranches: LayBranches = (sizes, edges): Branching => {
  const graph = new Graph({ multigraph: false });
  const labelled = edges.some(({ labelWidth }) => labelWidth > 0);
  graph.setGraph({ rankdir: "TB", nodesep: 10, edgesep: 8, ranksep: labelled ? 30 : 24, ranker: sizes.length > 60 ? "longest-path" : "network-simplex" });
  sizes.forEach(({ width, height }, i) => void graph.setNode(String(i), { width, height }));
  for (const { from, to, labelWidth } of edges) {
    graph.setEdge(String(from), String(to), labelWidth > 0 ? { width: labelWidth, height: 12, labelpos: "r", labeloffset: 4 } : { width: 0, height: 0 });
  }
  layout(graph);
  const at = graph.graph() as { width?: number; height?: number };
  return {
    width: Math.ceil(at.width ?? 0),
    height: Math.ceil(at.height ?? 0),
    centres: sizes.map((_, i) => {
      const { x = 0, y = 0 } = graph.node(String(i)) as { x?: number; y?: number };
      return { x, y };
    }),
    lines: edges.map(({ from, to, labelWidth }) => {
      const { points = [], x, y } = (graph.edge(String(from), String(to)) ?? {}) as { points?: { x: number; y: number }[]; x?: number; y?: number };
      return { points, label: labelWidth > 0 && x !== undefined && y !== undefined ? { x, y } : null };
    }),
  };
};
