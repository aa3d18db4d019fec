/** Layered layout (Sugiyama) of a flat graph, by dagre. */

import { Graph, layout } from "@dagrejs/dagre";
import type { Branching, BranchingEdge } from "./graphPlan";

/** Positions boxes in layers from top to bottom (Sugiyama, by dagre). In a cycle, one edge is drawn upwards. */
export function layBranches(sizes: { width: number; height: number }[], edges: BranchingEdge[]): Branching {
  const graph = new Graph({ multigraph: false });
  const labelled = edges.some(({ labelWidth }) => labelWidth > 0);
  graph.setGraph({
    rankdir: "TB",
    nodesep: 10,
    edgesep: 8,
    ranksep: labelled ? 30 : 24,
    ranker: sizes.length > 60 ? "longest-path" : "network-simplex",
  });
  sizes.forEach(({ width, height }, i) => void graph.setNode(String(i), { width, height }));
  for (const { from, to, labelWidth } of edges) {
    graph.setEdge(
      String(from),
      String(to),
      labelWidth > 0 ? { width: labelWidth, height: 12, labelpos: "r", labeloffset: 4 } : { width: 0, height: 0 },
    );
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  const places = sizes.map((_, i) => graph.node(String(i)) as { x: number; y: number });
  // Mirror if needed, so that what ran first is on the left: dagre's order is as good either way.
  const order = places.reduce(
    (sum, { x, y }, i) => sum + (places[i + 1]?.y === y ? Math.sign((places[i + 1]?.x ?? x) - x) : 0),
    0,
  );
  const turned = ({ x, y }: { x: number; y: number }): { x: number; y: number } => ({
    x: order < 0 ? width - x : x,
    y,
  });
  return {
    width: Math.ceil(width),
    height: Math.ceil(height),
    centres: places.map(turned),
    lines: edges.map(({ from, to, labelWidth }) => {
      const {
        points = [],
        x,
        y,
      } = (graph.edge(String(from), String(to)) ?? {}) as {
        points?: { x: number; y: number }[];
        x?: number;
        y?: number;
      };
      const { x: middle } = turned({ x: x ?? 0, y: 0 });
      // When mirrored, the line passes on the other side of its label.
      return {
        points: points.map(turned),
        label: labelWidth > 0 && y !== undefined ? { x: order < 0 ? middle - 4 : middle, y } : null,
      };
    }),
  };
}
