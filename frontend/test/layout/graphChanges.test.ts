import { describe, expect, it } from "vitest";
import type { Graph, GraphNode } from "../../src/api/types";
import { graphChanges } from "../../src/layout/graphChanges";
import { graphOf, type Spec } from "./graphs";

const head: Spec = [
  "head",
  "Sequential",
  [
    ["fc", "Linear"],
    ["relu", "relu"],
  ],
];
const before = graphOf([
  ["x", "input"],
  ["stem", "Conv2d"],
  ["blocks", "Blocks", [["0", "Res", [["conv", "Conv2d"]]]]],
  head,
]);

/** A copy in which some nodes have other fields. */
const with_ = (graph: Graph, fields: Record<string, Partial<GraphNode>>): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node) => ({ ...node, ...fields[node.key] })),
});
const output = (...sizes: number[]): Pick<GraphNode, "outputs"> => ({ outputs: [{ sizes, dtype: "float32" }] });

describe("changes between two graphs", () => {
  it("are none between equal graphs", () => {
    const { byKey, changed, onlyHere, onlyThere } = graphChanges(before, structuredClone(before));
    expect([byKey.size, changed, onlyHere, onlyThere]).toEqual([0, [], [], []]);
  });

  it("say one axis alone where nothing else differs, and whole shapes where more does", () => {
    const after = with_(before, { stem: output(-1, 14, 5, 3), "head.fc": output(-1, 9) });
    const { byKey, changed } = graphChanges(before, after);
    expect(changed).toEqual(["stem", "head.fc"]);
    expect(byKey.get("stem")).toEqual({
      own: true,
      said: "7 → 14",
      label: "output 7×5×3 → 14×5×3",
      detail: [["output", "7×5×3 → 14×5×3"]],
    });
    expect(byKey.get("head.fc")?.said).toBe("7×5×3 → 9");
    expect(byKey.get("head")).toMatchObject({ own: false, said: "" });
    expect(byKey.has("blocks")).toBe(false);
  });

  it("say types, parameters and attributes, but not what the shapes say already", () => {
    const [a, b] = [
      { kernel_size: "3×3", "in features": "4" },
      { kernel_size: "5×5", "in features": "8", bias: "yes" },
    ];
    const after = with_(with_(before, { "head.relu": { type: "gelu" } }), {
      stem: { attributes: b, parameters: 2_500 },
    });
    const { byKey } = graphChanges(with_(before, { stem: { attributes: a, parameters: 900 } }), after);
    expect(byKey.get("head.relu")?.said).toBe("relu → gelu");
    expect(byKey.get("stem")?.detail).toEqual([
      ["parameters", "900 → 2,500"],
      ["kernel size", "3×3 → 5×5"],
      ["bias", "none → yes"],
    ]);
    expect(byKey.get("stem")?.said).toBe("parameters 900 → 2,500");
  });

  it("count parameters where they are, not again in every module around", () => {
    const fields = { blocks: { parameters: 8 }, "blocks.0": { parameters: 8 }, "blocks.0.conv": { parameters: 8 } };
    const { byKey, changed } = graphChanges(before, with_(before, fields));
    expect(changed).toEqual(["blocks.0.conv"]);
    expect([byKey.get("blocks.0")?.own, byKey.get("blocks")?.own]).toEqual([false, false]);
  });

  it("name the outermost node that only one of them has, with the number of nodes inside", () => {
    const more = graphOf([
      ["x", "input"],
      ["stem", "Conv2d"],
      [
        "blocks",
        "Blocks",
        [
          ["0", "Res", [["conv", "Conv2d"]]],
          [
            "1",
            "Res",
            [
              ["conv", "Conv2d"],
              ["add", "add"],
            ],
          ],
        ],
      ],
      head,
      ["norm", "LayerNorm"],
    ]);
    const there = graphChanges(before, more);
    expect(there.onlyThere.map(({ node, inside }) => [node.key, inside])).toEqual([
      ["blocks.1", 2],
      ["norm", 0],
    ]);
    expect([there.onlyHere, there.changed]).toEqual([[], []]);
    // The module in which the other graph has more differs inside.
    expect(there.byKey.get("blocks")).toMatchObject({ own: false, label: "differs inside" });
    const here = graphChanges(more, before);
    expect(here.onlyHere.map(({ node }) => node.key)).toEqual(["blocks.1", "norm"]);
    expect(["blocks.1", "blocks.1.conv", "norm"].map((key) => here.byKey.get(key)?.said)).toEqual(
      Array.from({ length: 3 }, () => "only here"),
    );
    expect(here.byKey.get("blocks")?.own).toBe(false);
  });
});
