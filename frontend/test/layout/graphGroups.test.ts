import { describe, expect, it } from "vitest";
import { asColumn, buildFlows } from "../../src/layout/graphFlow";
import { nodeTitle, sharedInTitle, type TreeNode } from "../../src/layout/graphNode";
import { buildTree, type Tree } from "../../src/layout/graphTree";
import { graphOf, type Spec } from "./graphs";
import { GPT, KERAS, NUMBERED, PARALLEL, RESIDUAL, realGraph, SPLIT, TURNS } from "./realGraphs";

const names = (item: TreeNode | undefined): string[] => item?.children.map(({ name }) => name) ?? [];
const at = ({ root }: Tree, ...path: string[]): TreeNode =>
  path.reduce((item, name) => item.children.find((child) => child.name === name) as TreeNode, root);

/** Whether what runs in the node is drawn as a line. */
function isLine(text: string, tree: Tree, item: TreeNode): boolean {
  const flow = buildFlows(realGraph(text), tree).get(item.key);
  return flow !== undefined && asColumn(flow, item.children.length) !== null;
}

describe("a loop over a list of modules", () => {
  it("has the operators in the step whose module they follow, and folds equal steps", () => {
    const tree = buildTree(realGraph(RESIDUAL), ["embed", "/relu", "/relu_1", "/relu_2", "/relu_3"]);
    expect(names(tree.root)).toEqual(["input", "embed", "layers", "head", "output"]);
    const layers = at(tree, "layers");
    expect(layers).toMatchObject({ key: "layers", repeats: "Linear × 4", inside: 4 });
    expect(names(layers)).toEqual(["0", "1", "2", "3"]);
    expect(names(layers.children[0])).toEqual(["0", "relu", "add"]);
    // As long as the step before, though nothing of the list comes after it.
    expect(names(layers.children[3])).toEqual(["3", "relu_3", "add_3"]);
    expect(tree.byKey.get("/relu_2")?.parent).toBe(layers.children[2]);
    for (const item of [tree.root, layers, ...layers.children]) expect(isLine(RESIDUAL, tree, item)).toBe(true);
    expect([tree.recorded, tree.layers]).toEqual([5, 10]);
  });

  it("over two lists that take turns makes one of both", () => {
    const tree = buildTree(realGraph(TURNS), []);
    expect(names(tree.root)).toEqual(["input", "embed", "layers, norms", "head", "output"]);
    const both = at(tree, "layers, norms");
    expect(both.repeats).toBe("Mlp × 3");
    expect(names(both.children[1])).toEqual(["layers.1", "add_1", "norms.1"]);
    expect(both.children[1]?.children.map(nodeTitle)).toEqual(["layers.1 · Mlp", "add_1", "norms.1 · LayerNorm"]);
    expect(tree.byKey.has("norms")).toBe(false);
    for (const item of [tree.root, both]) expect(isLine(TURNS, tree, item)).toBe(true);
  });

  it("keeps what runs side by side, and what joins it, apart", () => {
    const tree = buildTree(realGraph(PARALLEL), []);
    expect(names(at(tree, "convs"))).toEqual(["0", "1", "2"]);
    expect(names(at(tree, "convs", "2"))).toEqual(["2", "relu_4", "amax_2"]);
    expect(names(tree.root)).toEqual([
      "input",
      "fc1",
      "relu",
      "fc2",
      "relu_1",
      "convs",
      "cat",
      "cat_1",
      "head",
      "output",
    ]);
  });

  it("finds layers that are in attributes with numbers, and what is called after each", () => {
    const tree = buildTree(realGraph(NUMBERED), []);
    expect(names(tree.root)).toEqual(["input", "fc_in", "conv, bn", "out", "output", "pool"]);
    expect(at(tree, "conv, bn").repeats).toBe("Linear × 6");
    expect(names(at(tree, "conv, bn", "2"))).toEqual(["conv2", "bn2", "act@1"]);
    expect(isLine(NUMBERED, tree, tree.root)).toBe(true);
  });

  it("is in two parts where another module runs in between", () => {
    const tree = buildTree(realGraph(SPLIT), []);
    expect(names(tree.root)).toEqual(["input", "layers 0 … 2", "mid", "layers 3 … 5", "output"]);
    expect(names(at(tree, "layers 0 … 2", "2"))).toEqual(["2", "relu_2"]);
    expect(isLine(SPLIT, tree, tree.root)).toBe(true);
  });

  it("leaves blocks without anything in between as they are", () => {
    const tree = buildTree(realGraph(GPT), []);
    expect(names(tree.root)).toEqual(["input", "wte", "wpe", "add", "h", "ln_f", "mean", "head", "output"]);
    expect(at(tree, "h", "1")).toMatchObject({ key: "h.1", kind: "module" });
    expect(isLine(GPT, tree, tree.root)).toBe(true);
  });
});

describe("a flat graph", () => {
  it("is grouped by the prefixes of names, each said once", () => {
    const tree = buildTree(realGraph(KERAS), []);
    expect(names(tree.root)).toEqual(
      "input conv1 pool1 conv2_block conv3_block conv4_block conv5_block avg_pool predictions output".split(" "),
    );
    expect(names(at(tree, "conv1"))).toEqual(["pad", "conv", "bn", "relu"]);
    expect(names(at(tree, "conv2_block"))).toEqual(["1", "2", "3"]);
    expect(names(at(tree, "conv4_block"))).toEqual(["1", "2 … 6"]);
    expect(at(tree, "conv4_block", "2 … 6")).toMatchObject({ kind: "fold", inside: 0 });
    expect(names(at(tree, "conv2_block", "2"))).toEqual(
      "1_conv 1_bn 1_relu 2_conv 2_bn 2_relu 3_conv 3_bn add out".split(" "),
    );
    // The log's own names stay the keys.
    expect(at(tree, "conv2_block", "2").children[8]?.key).toBe("conv2_block2_add");
    expect(tree.layers).toBe(176);
    for (const item of [tree.root, ...tree.root.children.filter(({ children }) => children.length)])
      expect(isLine(KERAS, tree, item)).toBe(true);
  });

  it("is left alone if it is short, or its names are made of types", () => {
    const short = Array.from({ length: 20 }, (_, i): Spec => [`block${i >> 1}_${i}`, "Dense"]);
    expect(buildTree(graphOf(short), []).root.children).toHaveLength(20);
    const types = ["Conv2D", "BatchNormalization", "Dense", "Dense"];
    const automatic = Array.from({ length: 40 }, (_, i): Spec => {
      const type = types[i % 4] ?? "";
      const name = { Conv2D: "conv2d", BatchNormalization: "batch_normalization", Dense: "dense" }[type];
      return [i ? `${name}_${i}` : `${name}`, type];
    });
    expect(buildTree(graphOf(automatic), []).root.children).toHaveLength(40);
  });

  it("says a prefix once that many modules share, then their numbers", () => {
    const blocks = Array.from(
      { length: 30 },
      (_, i): Spec => [`stage0_block${i + 1}`, "Block", [[`conv${i}`, "Conv2d"]]],
    );
    const tree = buildTree(graphOf([["x", "input"], ...blocks]), []);
    expect(names(tree.root)).toEqual(["x", "stage0_block"]);
    expect(at(tree, "stage0_block").repeats).toBe("Block × 30");
    expect(at(tree, "stage0_block").children.slice(0, 2).map(nodeTitle)).toEqual(["1 · Block", "2 · Block"]);
  });
});

describe("a title", () => {
  it("knows how much of it a neighbour shares", () => {
    const tree = buildTree(
      graphOf([
        ["stage0_block1_conv3_out", "Conv2d"],
        ["stage0_block1_conv3_in", "Conv2d"],
        ["4", "Linear"],
      ]),
      [],
    );
    expect(tree.root.children.map(sharedInTitle)).toEqual([
      "stage0_block1_conv3_".length,
      "stage0_block1_conv3_".length,
      0,
    ]);
  });
});
