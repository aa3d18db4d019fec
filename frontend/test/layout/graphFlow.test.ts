import { describe, expect, it } from "vitest";
import { asColumn, type Bundle, buildFlows, cutFlow, type Flow } from "../../src/layout/graphFlow";
import { buildTree } from "../../src/layout/graphTree";
import { graphOf, type Spec } from "./graphs";

function flowsOf(specs: Spec[], edges: string[]): Map<string, Flow> {
  const graph = graphOf(specs, edges);
  return buildFlows(graph, buildTree(graph, []));
}
const ends = (bundles: Bundle[]): string[] => bundles.map(({ from, to, count }) => `${from}>${to}:${count}`);
const chain = (...pairs: [number, number][]): Flow => ({
  bundles: pairs.map(([from, to]) => ({ from, to, count: 1, sizes: [-1, 3] })),
  ins: new Set(),
  outs: new Set(),
});

describe("bundles", () => {
  const specs: Spec[] = [
    ["x", "input"],
    [
      "a",
      "A",
      [
        ["p", "Linear"],
        ["q", "Linear"],
      ],
    ],
    [
      "b",
      "B",
      [
        ["r", "Linear"],
        ["s", "Linear"],
      ],
    ],
  ];

  it("lifts an edge to the innermost module that holds both of its ends", () => {
    const flows = flowsOf(specs, ["x>a.p>a.q>b.r>b.s"]);
    expect(ends(flows.get("")?.bundles ?? [])).toEqual(["0>1:1", "1>2:1"]);
    expect(ends(flows.get("a")?.bundles ?? [])).toEqual(["0>1:1"]);
    expect([...(flows.get("a")?.ins ?? [])]).toEqual([0]);
    expect([...(flows.get("a")?.outs ?? [])]).toEqual([1]);
  });

  it("counts tensors, not arrows: one that goes to two places inside is one", () => {
    const flows = flowsOf(specs, ["a.p>b.r", "a.p>b.s", "a.q>b.s"]);
    expect(ends(flows.get("")?.bundles ?? [])).toEqual(["1>2:2"]);
    expect([...(flows.get("b")?.ins ?? [])]).toEqual([0, 1]);
  });

  it("has a shape only while all are of one", () => {
    const graph = graphOf(specs, ["a.p>b.r", "a.q>b.s"]);
    graph.edges[1] = { ...graph.edges[1]!, sizes: [-1, 2] };
    expect(buildFlows(graph, buildTree(graph, [])).get("")?.bundles[0]).toMatchObject({ count: 2, sizes: null });
  });

  it("leaves out edges to what is not there", () => {
    expect(flowsOf(specs, ["gone>a.p", "a.p>a.p"]).size).toBe(0);
  });

  it("bends the edges of hidden children to what stands for them", () => {
    const flow = chain([0, 1], [1, 2], [2, 3], [1, 3]);
    expect(ends(cutFlow(flow, 0, 2, 4).bundles)).toEqual(["0>1:1", "1>2:2"]);
    expect(ends(cutFlow({ ...flow, ins: new Set([0, 3]) }, 2, 3, 4).bundles)).toEqual(["0>1:1", "1>2:1", "0>2:1"]);
    expect([...cutFlow({ ...flow, ins: new Set([0, 3]) }, 2, 3, 4).ins]).toEqual([0, 2]);
  });
});

describe("column or branches", () => {
  const SKIPS = chain([0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 6], [0, 4], [1, 5], [2, 6]);
  it("is a column when each feeds the next", () => {
    expect(asColumn(chain([0, 1], [1, 2]), 3)).toMatchObject({ order: [0, 1, 2], skips: [], lanes: 0 });
  });
  it("keeps what nothing connects at the end", () => {
    expect(asColumn(chain([0, 2]), 3)).toMatchObject({ order: [0, 2, 1] });
  });
  it("draws few skips in lanes, those that follow each other in the same one", () => {
    const column = asColumn(chain([0, 1], [1, 2], [2, 3], [3, 4], [0, 2], [2, 4]), 5);
    expect(column?.lanes).toBe(1);
    expect(asColumn({ ...chain([0, 1], [1, 2]), ins: new Set([0, 2]) }, 3)?.skips).toEqual([
      { from: -1, to: 2, lane: 0 },
    ]);
    expect(asColumn({ ...chain([0, 1], [1, 2]), outs: new Set([0, 2]) }, 3)?.skips).toEqual([
      { from: 0, to: 3, lane: 0 },
    ]);
  });
  it("branches with two towers, with edges back, and with skips over skips over skips", () => {
    expect(asColumn(chain([0, 2], [1, 3], [2, 4], [3, 4]), 5)).toBeNull();
    expect(asColumn(chain([0, 1], [1, 2], [2, 0]), 3)).toBeNull();
    expect(asColumn(SKIPS, 7)).toBeNull();
  });
  it("shares a lane among the skips from one place, or to one, such as what enters every block", () => {
    const from = asColumn(chain([0, 1], [1, 2], [2, 3], [3, 4], [0, 2], [0, 3], [0, 4]), 5);
    expect(from).toMatchObject({ lanes: 1, skips: [{ lane: 0 }, { lane: 0 }, { lane: 0 }] });
    const to = asColumn(chain([0, 1], [1, 2], [2, 3], [3, 4], [0, 4], [1, 4], [2, 4]), 5);
    expect(to?.lanes).toBe(1);
    expect(asColumn({ ...chain([0, 1], [1, 2], [2, 3]), ins: new Set([0, 1, 2, 3]) }, 4)?.lanes).toBe(1);
  });
  it("stays a column around what has no input, as an embedding of positions", () => {
    // tokens 0 > 1, positions 2, both > 3
    const column = asColumn(chain([0, 1], [1, 3], [2, 3], [3, 4]), 5);
    expect(column).toMatchObject({ order: [0, 1, 2, 3, 4], lanes: 1, skips: [{ from: 1, to: 3 }] });
    expect(column?.spine.map((bundle) => bundle?.to ?? null)).toEqual([1, null, 3, 4, null]);
  });
  it("is a loose column of branches, each in one piece, unless it needs too many lanes or leads back", () => {
    const towers = asColumn(chain([0, 2], [1, 3], [2, 4], [3, 4]), 5, true);
    expect(towers).toMatchObject({ order: [0, 2, 1, 3, 4], lanes: 1, skips: [{ from: 1, to: 4 }] });
    expect(asColumn(SKIPS, 7, true)?.lanes).toBe(3);
    const tangle = Array.from({ length: 64 }, (_, i): [number, number] => [i >> 3, 8 + (i & 7)]);
    expect(asColumn(chain(...tangle), 16, true)).toBeNull();
    expect(asColumn(chain([0, 1], [1, 2], [2, 0]), 3, true)).toBeNull();
  });
  it("is a column without lines when there are no edges at all", () => {
    expect(asColumn(chain(), 3)).toMatchObject({ order: [0, 1, 2], spine: [null, null, null] });
  });
});

describe("branches", () => {
  const specs: Spec[] = [
    ["x", "input"],
    [
      "a",
      "A",
      [
        ["p", "Linear"],
        ["q", "Linear"],
      ],
    ],
    ["b", "Linear"],
    ["c", "Linear"],
  ];
  const mark = (edges: string[], marked: string[]): Flow | undefined => {
    const graph = graphOf(specs, edges);
    for (const edge of graph.edges) edge.branch = marked.includes(`${edge.source}>${edge.target}`);
    return buildFlows(graph, buildTree(graph, [])).get("");
  };

  it("are bundles of which no edge is in every forward pass", () => {
    const found = mark(["x>a.p", "x>a.q", "a.p>b", "a.q>b"], ["x>a.p", "a.p>b", "a.q>b"]);
    expect(found?.bundles.map(({ branch }) => branch)).toEqual([false, true]);
  });

  it("that pass by others stay marked", () => {
    const flow = mark(["x>a.p>b>c", "a.p>c"], ["a.p>b", "b>c", "a.p>c"]);
    const column = asColumn(flow as Flow, 4);
    expect(column?.spine.map((bundle) => bundle?.branch)).toEqual([false, true, true, undefined]);
    expect(column?.skips).toMatchObject([{ from: 1, to: 3, branch: true }]);
  });
});
