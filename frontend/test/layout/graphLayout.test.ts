import { describe, expect, it } from "vitest";
import type { Graph } from "../../src/api/types";
import type { Box, Drawing } from "../../src/layout/graphDrawing";
import { buildFlows } from "../../src/layout/graphFlow";
import { layBranches } from "../../src/layout/graphLayered";
import { layoutGraph, PAGE_BRANCHES, type Page } from "../../src/layout/graphLayout";
import type { Branching, LayBranches } from "../../src/layout/graphPlan";
import { buildTree, PAGE } from "../../src/layout/graphTree";
import { graphOf, largeGraph, type Spec } from "./graphs";

function draw(
  graph: Graph,
  open: string[],
  { recorded = [], pages = [], width = 246 }: { recorded?: string[]; pages?: [string, Page][]; width?: number } = {},
): Drawing {
  const tree = buildTree(graph, recorded);
  const request = { open: new Set(open), pages: new Map(pages), width };
  return layoutGraph(tree, buildFlows(graph, tree), request, layBranches) as Drawing;
}
const keys = ({ boxes }: Drawing): string[] => boxes.map(({ key }) => key);
const box = (drawing: Drawing, key: string): Box => drawing.boxes.find((one) => one.key === key) as Box;
const apart = (a: Box, b: Box): boolean =>
  a.x + a.width <= b.x + 0.01 ||
  b.x + b.width <= a.x + 0.01 ||
  a.y + a.height <= b.y + 0.01 ||
  b.y + b.height <= a.y + 0.01;
const holds = (a: Box, b: Box): boolean =>
  b.x >= a.x && b.y >= a.y && b.x + b.width <= a.x + a.width + 0.01 && b.y + b.height <= a.y + a.height + 0.01;

/** Two rows of operators in a module, each of the first feeding eight of the second: too tangled for a column. */
function tangle(above: number, below: number): [Graph, string[]] {
  const names = Array.from({ length: above + below }, (_, i) => `op${i}`);
  const flows = names
    .slice(0, above)
    .flatMap((name, i) =>
      Array.from({ length: 8 }, (_, k) => `x>fc>all.${name}>all.op${above + ((i + 7 * k) % below)}`),
    );
  const inside = names.map((name): Spec => [name, "relu"]);
  return [
    graphOf(
      [
        ["x", "input"],
        ["fc", "Linear"],
        ["all", "All", inside],
      ],
      flows,
    ),
    names,
  ];
}

const CHAIN: Spec[] = [
  ["x", "input"],
  [
    "stem",
    "S",
    [
      ["conv", "Conv2d"],
      ["relu", "ReLU"],
    ],
  ],
  ["fc", "Linear"],
  ["y", "output"],
];
const FLOW = ["x>stem.conv>stem.relu>fc>y"];

describe("a chain", () => {
  it("is a column from top to bottom, as wide as the pane", () => {
    const drawing = draw(graphOf(CHAIN, FLOW), []);
    expect(keys(drawing)).toEqual(["x", "stem", "fc", "y"]);
    expect(drawing.width).toBe(246);
    const tops = drawing.boxes.map(({ y }) => y);
    expect(tops).toEqual(tops.toSorted((a, b) => a - b));
    expect(box(drawing, "stem")).toMatchObject({ form: "closed", x: 12, width: 222, rail: 30, height: 22 });
  });

  it("opens and closes one module without touching what lies above it", () => {
    const graph = graphOf(CHAIN, FLOW);
    const [closed, open] = [draw(graph, []), draw(graph, ["stem"], { recorded: ["stem.relu"] })];
    expect(keys(open)).toEqual(["x", "stem", "stem.conv", "stem.relu", "fc", "y"]);
    expect(box(open, "x")).toEqual(box(closed, "x"));
    // 20 of the title, 21 and 35 of the rows, 3.5 below them: the measures of the picture.
    expect(box(open, "stem").height).toBe(79.5);
    expect(holds(box(open, "stem"), box(open, "stem.relu"))).toBe(true);
  });

  it("writes the shape on the arrow into a module and none between rows", () => {
    const { edges } = draw(graphOf(CHAIN, FLOW), ["stem"]);
    const into = edges.find(({ to }) => to === "stem");
    expect(into?.label).toMatchObject({ count: 1, sizes: [-1, 7, 5, 3] });
    expect(into?.tip?.angle).toBe(90);
    const inner = edges.find(({ from }) => from === "stem.conv");
    expect([inner?.label, inner?.tip]).toEqual([null, null]);
  });

  it("has room for strips where something is recorded", () => {
    expect(box(draw(graphOf(CHAIN, FLOW), [], { recorded: ["stem.relu"] }), "stem").height).toBe(38);
  });
});

describe("branches", () => {
  const towers: Spec[] = [
    ["x", "input"],
    ["left", "L", [["a", "Linear"]]],
    ["right", "R", [["b", "Linear"]]],
    ["cat", "cat"],
  ];
  const flow = ["x>left.a>cat", "x>right.b>cat"];

  it("stand side by side, below what feeds them, and do not overlap", () => {
    const drawing = draw(graphOf(towers, flow), ["left"]);
    const [left, right, cat, x] = ["left", "right", "cat", "x"].map((key) => box(drawing, key)) as [Box, Box, Box, Box];
    expect(apart(left, right)).toBe(true);
    expect(left.y).toBeGreaterThan(x.y);
    expect(cat.y).toBeGreaterThan(left.y);
    expect(holds(left, box(drawing, "left.a"))).toBe(true);
    expect(drawing.edges).toHaveLength(4);
    for (const one of drawing.boxes) expect(one.x).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawing.boxes.map((one) => one.x + one.width))).toBeLessThanOrEqual(drawing.width);
  });

  it("use the width of the pane, and are narrower where it has no room for their words", () => {
    const long: Spec[] = [
      ["x", "input"],
      ["a_rather_long_name", "Linear"],
      ["another_long_name", "Linear"],
      ["cat", "cat"],
    ];
    const graph = graphOf(long, ["x>a_rather_long_name>cat", "x>another_long_name>cat"]);
    const [narrow, wide] = [draw(graph, []), draw(graph, [], { width: 600 })];
    expect(narrow.width).toBe(246);
    // The pane's 600 without margins of 12; two share it, with 10 between them.
    expect(wide.boxes.map(({ width }) => width)).toEqual([576, 283, 283, 576]);
    for (const drawing of [narrow, wide])
      expect(apart(box(drawing, "a_rather_long_name"), box(drawing, "another_long_name"))).toBe(true);
  });

  it("that are wider than the pane leave what is above them within it", () => {
    const [graph, names] = tangle(8, 8);
    const drawing = draw(graph, ["all"]);
    expect(drawing.width).toBeGreaterThan(8 * 70);
    expect(names).toHaveLength(16);
    expect(box(drawing, "fc")).toMatchObject({ x: 12, width: 222 });
    expect(box(drawing, "all").width).toBe(drawing.width - 24);
  });

  it("stand below each other where their names do not fit beside each other", () => {
    const ways = Array.from({ length: 5 }, (_, i): Spec => [`way${i}`, "Linear"]);
    const graph = graphOf(
      [["x", "input"], ...ways, ["cat", "cat"]],
      ways.map(([name]) => `x>${name}>cat`),
    );
    const narrow = draw(graph, []);
    expect(narrow.width).toBe(246);
    expect(keys(narrow)).toEqual(["x", "way0", "way1", "way2", "way3", "way4", "cat"]);
    for (const one of narrow.boxes) expect(one).toMatchObject({ form: "row", x: 12, width: 222 });
    expect(narrow.edges.map(({ from, to }) => `${from}>${to}`).sort()).toEqual(
      ways.flatMap(([name]) => [`x>${name}`, `${name}>cat`]).sort(),
    );
    const wide = draw(graph, [], { width: 600 });
    expect(new Set(ways.map(([name]) => box(wide, name).y)).size).toBe(1);
    expect(wide.width).toBe(600);
  });

  it("are none among the parts of an output", () => {
    const graph = graphOf(
      [
        ["x", "input"],
        [
          "lstm",
          "LSTM",
          [
            ["[0]", "output"],
            ["[1]", "output"],
            ["[2]", "output"],
          ],
        ],
      ],
      ["x>lstm.[0]", "x>lstm.[1]", "x>lstm.[2]"],
    );
    expect(
      draw(graph, ["lstm"])
        .boxes.slice(2)
        .map(({ form, x, width }) => [form, x, width]),
    ).toEqual(Array(3).fill(["row", 12, 222]));
  });

  it("draws a skip of a residual block beside its column", () => {
    const graph = graphOf(
      [
        ["x", "input"],
        [
          "res",
          "Res",
          [
            ["conv", "Conv2d"],
            ["bn", "BatchNorm2d"],
            ["add", "add"],
          ],
        ],
      ],
      ["x>res.conv>res.bn>res.add", "x>res.add"],
    );
    const drawing = draw(graph, ["res"]);
    const skip = drawing.edges.find(({ from, to }) => from === "res" && to === "res.add");
    expect(skip?.tip?.angle).toBe(0);
    expect(drawing.edges.find(({ to }) => to === "res")?.label?.count).toBe(1);
  });

  it("names each question by its module and sizes, and asks for all that stand beside each other at once", () => {
    const half = (name: string): Spec => [
      name,
      "H",
      [
        ["x", "a"],
        ["l", "b"],
        ["r", "b"],
        ["cat", "cat"],
      ],
    ];
    const inside = (name: string): string[] => [`${name}.x>${name}.l>${name}.cat`, `${name}.x>${name}.r>${name}.cat`];
    const graph = graphOf(
      [["x", "input"], half("one"), half("two"), ["y", "output"]],
      [...inside("one"), ...inside("two"), "x>one.x", "one.cat>two.x", "two.cat>y"],
    );
    const tree = buildTree(graph, []);
    const answers = new Map<string, Branching>();
    let asked: [string, Branching][] = [];
    const later: LayBranches = (sizes, edges, key) => {
      if (!answers.has(key)) asked.push([key, layBranches(sizes, edges)]);
      return answers.get(key) ?? null;
    };
    const layout = (...open: string[]): Drawing | null => {
      asked = [];
      const request = { open: new Set(open), pages: new Map(), width: 246 };
      return layoutGraph(tree, buildFlows(graph, tree), request, later);
    };
    expect(layout("one", "two")).toBeNull();
    expect(asked.map(([key]) => key.split(" ")[0])).toEqual(["one", "two"]);
    // Each may be asked again, narrower, when it did not fit.
    for (let round = 0; round < 3 && asked.length > 0; round++) {
      for (const [key, answer] of asked) answers.set(key, answer);
      layout("one", "two");
    }
    expect(layout("one", "two")).toEqual(draw(graph, ["one", "two"]));
    expect(layout("two")).not.toBeNull();
    expect(asked).toEqual([]);
  });

  it("survives a cycle", () => {
    expect(
      draw(
        graphOf(
          [
            [
              "a",
              "A",
              [
                ["p", "Linear"],
                ["q", "Linear"],
              ],
            ],
            ["b", "Linear"],
          ],
          ["a.p>b>a.q"],
        ),
        [],
      ).boxes,
    ).toHaveLength(2);
  });
});

describe("size", () => {
  it("pages the children of a module", () => {
    const children = Array.from({ length: 2 * PAGE + 5 }, (_, i): Spec => [`op${i}`, "relu"]);
    const graph = graphOf([["all", "All", children]], [children.map(([name]) => `all.${name}`).join(">")]);
    const first = draw(graph, ["all"]);
    expect(first.boxes).toHaveLength(1 + PAGE + 1);
    expect(first.boxes.at(-1)).toMatchObject({ form: "more", key: "all", hidden: PAGE + 5 });
    expect(draw(graph, ["all"], { pages: [["all", [0, 0, 2]]] }).boxes).toHaveLength(1 + 2 * PAGE + 5);
    const second = draw(graph, ["all"], { pages: [["all", [PAGE + 7, 0, 0]]] });
    expect(keys(second).slice(1, 4)).toEqual(["all", `all.op${PAGE}`, `all.op${PAGE + 1}`]);
    expect(second.boxes.filter(({ form }) => form === "more")).toMatchObject([
      { hidden: PAGE, before: true },
      { hidden: 5, before: false },
    ]);
    // What is hidden still feeds what is shown, and is fed by it.
    expect(second.edges).toHaveLength(PAGE + 1);
    expect(draw(graph, ["all"], { pages: [["all", [PAGE + 7, 1, 1]]] }).boxes).toHaveLength(1 + 2 * PAGE + 5);
  });

  it("draws 10,000 operators within 1 s and opens a module within 200 ms", () => {
    const graph = largeGraph(100, 100);
    const start = performance.now();
    const tree = buildTree(graph, []);
    const flows = buildFlows(graph, tree);
    const layout = (open: string[]): Drawing =>
      layoutGraph(tree, flows, { open: new Set(open), pages: new Map(), width: 246 }, layBranches) as Drawing;
    expect(layout([]).boxes).toHaveLength(102);
    expect(performance.now() - start).toBeLessThan(1000);
    const again = performance.now();
    expect(layout(["block42"]).boxes).toHaveLength(202);
    expect(performance.now() - again).toBeLessThan(200);
  });

  it("pages branching children sooner, for they cost more, and keeps what feeds the hidden ones", () => {
    const [graph] = tangle(50, 50);
    const drawing = draw(graph, ["all"]);
    // x, fc, all, the page, and the rest, which every one of the first row feeds.
    expect(drawing.boxes).toHaveLength(3 + PAGE_BRANCHES + 1);
    expect(drawing.boxes.at(-1)).toMatchObject({ form: "more", hidden: 100 - PAGE_BRANCHES });
    expect(drawing.edges.filter(({ from, to }) => to === "all" && from !== "fc")).toHaveLength(50);
  });
});
