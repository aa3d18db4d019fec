import { describe, expect, it } from "vitest";
import { searchTree } from "../../src/layout/graphSearch";
import { ancestors, buildTree, openAtFirst, recordedIn, type TreeNode } from "../../src/layout/graphTree";
import { graphOf, largeGraph, type Spec } from "./graphs";

const block = (name: string, type = "Res"): Spec => [
  name,
  type,
  [
    ["conv", "Conv2d"],
    ["add", "add"],
    ["relu", "ReLU"],
  ],
];
const names = (item: TreeNode): string[] => item.children.map(({ name }) => name);

describe("the tree of a graph", () => {
  it("nests by parent and counts recorded layers", () => {
    const tree = buildTree(
      graphOf([
        ["x", "input"],
        [
          "stem",
          "Sequential",
          [
            ["conv", "Conv2d"],
            ["relu", "ReLU"],
          ],
        ],
        ["fc", "Linear"],
      ]),
      ["stem.relu", "fc"],
    );
    expect(names(tree.root)).toEqual(["x", "stem", "fc"]);
    expect([tree.recorded, tree.layers]).toEqual([2, 3]);
    expect(tree.byKey.get("stem")?.inside).toBe(1);
    expect(tree.byKey.get("stem.relu")).toMatchObject({ recorded: true, depth: 1, place: 1 });
    expect(ancestors(tree.byKey.get("stem.relu") as TreeNode).map(({ key }) => key)).toEqual(["stem"]);
  });

  it("says of a module that holds equal blocks only how many of what it repeats", () => {
    const tree = buildTree(graphOf([["blocks", "Sequential", [block("0"), block("1"), block("2")]]]), [
      "blocks.0.relu",
      "blocks.1.relu",
      "blocks.2.relu",
    ]);
    const blocks = tree.byKey.get("blocks") as TreeNode;
    expect(blocks.repeats).toBe("Res × 3");
    expect(names(blocks)).toEqual(["0", "1", "2"]);
    expect(recordedIn(blocks)).toEqual(["blocks.0.relu", "blocks.1.relu", "blocks.2.relu"]);
    expect(recordedIn(blocks, 2)).toHaveLength(2);
  });

  it("folds a run of equal blocks among others, and leaves unequal ones and leaves alone", () => {
    const tree = buildTree(
      graphOf([
        ["stem", "Conv2d"],
        block("a"),
        block("b"),
        block("c"),
        ["d", "Res", [["conv", "Conv2d"]]],
        ["p", "ReLU"],
        ["q", "ReLU"],
        ["r", "ReLU"],
      ]),
      [],
    );
    expect(names(tree.root)).toEqual(["stem", "a … c", "d", "p", "q", "r"]);
    const fold = tree.root.children[1] as TreeNode;
    expect(fold).toMatchObject({ kind: "fold", type: "Res", depth: 0 });
    expect(names(fold)).toEqual(["a", "b", "c"]);
    expect(tree.byKey.get("b")?.parent).toBe(fold);
  });

  it("opens a small model but for its folded blocks, and a large one not at all", () => {
    const small = buildTree(
      graphOf([
        ["x", "input"],
        ["stem", "S", [["conv", "Conv2d"]]],
        ["blocks", "Sequential", [block("0"), block("1")]],
        ["head", "H", [["fc", "Linear"]]],
      ]),
      [],
    );
    expect(openAtFirst(small)).toEqual(["stem", "head"]);
    expect(openAtFirst(buildTree(largeGraph(100, 100), []))).toEqual([]);
  });

  it("opens wrappers around everything", () => {
    const tree = buildTree(
      graphOf([
        ["x", "input"],
        [
          "model",
          "Wrapper",
          [
            ["a", "A", [["p", "ReLU"]]],
            ["b", "B", [["q", "Linear"]]],
          ],
        ],
        ["y", "output"],
      ]),
      [],
    );
    expect(openAtFirst(tree)).toEqual(["model", "model.a", "model.b"]);
  });

  it("takes graphs with several tops, with unknown parents and without nodes", () => {
    const graph = graphOf([
      ["a", "Linear"],
      ["b", "Linear"],
    ]);
    const tops = {
      ...graph,
      nodes: graph.nodes.slice(1).map((node) => ({ ...node, parent: node.key === "a" ? null : "gone" })),
    };
    expect(names(buildTree(tops, []).root)).toEqual(["a", "b"]);
    expect(buildTree({ ...graph, nodes: [], edges: [] }, []).root.children).toEqual([]);
  });
});

describe("search", () => {
  const tree = buildTree(
    graphOf([
      [
        "stem",
        "Sequential",
        [
          ["conv", "Conv2d"],
          ["relu", "ReLU"],
        ],
      ],
      ["head", "Linear"],
    ]),
    [],
  );
  const keys = (query: string): string[] => searchTree(tree, query).map(({ key }) => key);
  it("finds by name, path, type and shape, all words together", () => {
    expect(keys("conv2d")).toEqual(["stem.conv"]);
    expect(keys("stem relu")).toEqual(["stem.relu"]);
    expect(keys("7×5x3")).toHaveLength(4);
    expect(keys("7x5x3 linear")).toEqual(["head"]);
    expect(keys(" ")).toEqual([]);
  });
  it("takes less than 100 ms among 10,000, once it has read them", () => {
    const large = buildTree(largeGraph(100, 100), []);
    searchTree(large, "op");
    const start = performance.now();
    expect(searchTree(large, "block42 op7")).toHaveLength(11);
    expect(performance.now() - start).toBeLessThan(100);
  });
});
