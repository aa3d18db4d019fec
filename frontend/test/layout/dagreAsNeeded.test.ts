import * as whole from "@dagrejs/dagre";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { asNeeded } from "../../dagreAsNeeded";

const code = new TextDecoder().decode(
  readFileSync(new URL("../../node_modules/@dagrejs/dagre/dist/dagre.esm.js", import.meta.url)),
);
const loaded = async (text: string): Promise<typeof whole> =>
  (await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(text)}`)) as typeof whole;

/** Branches and joins, some with words, now and then a cycle or a part that hangs on nothing. */
function places({ Graph, layout }: typeof whole, seed: number, ranker: string): unknown {
  let state = seed;
  const random = (below: number): number => (state = (state * 48271) % 2147483647) % below;
  const graph = new Graph({ multigraph: false });
  graph.setGraph({ rankdir: "TB", nodesep: 10, edgesep: 8, ranksep: 30, ranker });
  const count = 3 + random(12);
  for (let i = 0; i < count; i++) graph.setNode(String(i), { width: 20 + random(90), height: 12 + random(30) });
  for (let i = 0; i < 2 * count; i++) {
    const [from, to] = [random(count), random(count)];
    if (from === to) continue;
    graph.setEdge(
      String(from),
      String(to),
      random(3) === 0 ? { width: 30, height: 12, labelpos: "r", labeloffset: 4 } : { width: 0, height: 0 },
    );
  }
  layout(graph);
  return {
    graph: graph.graph(),
    nodes: graph.nodes().map((name) => graph.node(name)),
    edges: graph.edges().map((edge) => graph.edge(edge)),
  };
}

describe("dagre without what is not needed", () => {
  it.each(["network-simplex", "longest-path"])("lays out flat graphs as the whole does, by %s", async (ranker) => {
    const part = await loaded(asNeeded(code));
    for (let seed = 1; seed <= 8; seed++) expect(places(part, seed, ranker)).toEqual(places(whole, seed, ranker));
  });

  it("refuses a dagre that is written in another way", () => {
    expect(() =>
      asNeeded(
        code
          .replaceAll("parentDummyChains", "others")
          .replaceAll("addBorderSegments", "others")
          .replaceAll("removeBorderNodes", "others"),
      ),
    ).toThrow("steps for nodes");
    expect(() => asNeeded("export {}")).toThrow("dagreAsNeeded.ts");
  });
});
