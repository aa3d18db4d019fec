import type { Graph, GraphEdge, GraphNode } from "../../src/api/types";

/** Graphs for the tests, written as nested lists: `["name", "Type", children?]`; edges as "a>b" or "a>b>c". */
export type Spec = [name: string, type: string, children?: Spec[]];

export function graphOf(specs: Spec[], flows: string[] = [], sizes: number[] = [-1, 7, 5, 3]): Graph {
  const nodes: GraphNode[] = [];
  const add = (spec: Spec, parent: string | null): void => {
    const [name, type, children = []] = spec;
    const key = parent === null ? "" : parent === "" ? name : `${parent}.${name}`;
    const kind =
      type === "input" ? "input" : type === "output" ? "output" : type === type.toLowerCase() ? "operator" : "module";
    nodes.push({
      key,
      parent,
      kind,
      name,
      type,
      outputs: [{ sizes, dtype: "float32" }],
      parameters: 0,
      attributes: {},
      call: 0,
      calls: 1,
      branch: false,
    });
    for (const child of children) add(child, key);
  };
  add(["Net", "Net", specs], null);
  const edges: GraphEdge[] = [];
  for (const flow of flows) {
    const keys = flow.split(">");
    for (let i = 1; i < keys.length; i++)
      edges.push({ source: keys[i - 1] ?? "", target: keys[i] ?? "", sizes, branch: false });
  }
  return { framework: "torch", model: "Net", origin: "recorded", nodes, edges };
}

/** `blocks` modules with `operators` operators each in a chain, every block with a skip around it. */
export function largeGraph(blocks: number, operators: number): Graph {
  const specs: Spec[] = [["x", "input"]];
  const chain: string[] = ["x"];
  const skips: string[] = [];
  for (let b = 0; b < blocks; b++) {
    // Every third block is of another kind, so that they do not all fold into one.
    const children = Array.from({ length: operators }, (_, i): Spec => [`op${i}`, i % 3 === b % 3 ? "relu" : "linear"]);
    specs.push([`block${b}`, `Block${b % 3}`, children]);
    const keys = children.map(([name]) => `block${b}.${name}`);
    skips.push(`${keys[0]}>${keys.at(-1)}`);
    chain.push(...keys);
  }
  specs.push(["y", "output"]);
  chain.push("y");
  return graphOf(specs, [chain.join(">"), ...skips]);
}
