import { beforeEach, describe, expect, it } from "vitest";
import { decode, encode, followAddress, readHash, writeHash } from "../../src/state/url";
import * as view from "../../src/state/view";

/** Something like a window's address bar and history. */
class Bar extends EventTarget {
  entries: string[];
  readonly location: { hash: string };
  readonly history: {
    state: null;
    pushState: (_: unknown, __: string, hash: string) => void;
    replaceState: (_: unknown, __: string, hash: string) => void;
  };

  constructor(hash: string) {
    super();
    this.entries = [hash];
    const entries = this.entries;
    this.location = {
      get hash() {
        return entries.at(-1) ?? "";
      },
    };
    this.history = {
      state: null,
      pushState: (_, __, next) => void entries.push(next),
      replaceState: (_, __, next) => {
        entries[entries.length - 1] = next;
      },
    };
  }

  back(): void {
    this.entries.pop();
    this.dispatchEvent(new Event("popstate"));
  }
}

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

beforeEach(() => decode(new Map()));

describe("the address", () => {
  it("brings the whole state back", async () => {
    view.chosenRun.value = "a/b & c";
    view.chosenStep.value = 0;
    view.compare.value = { run: "other", step: null };
    view.chosenLayers.value = ["layer2.0/relu_1", "head[logits]"];
    view.chosenRows.value = [
      { kind: "instance", index: 814 },
      { kind: "subset", name: "8=#&" },
      { kind: "expression", expression: 'label == "é" and not correct' },
      { kind: "expression", expression: "id in [1, 2]", name: "mine" },
      { kind: "expression", expression: "loss > 2", colour: 12 },
    ];
    view.compareMode.value = "difference";
    view.openModules.value = ["layer2", "layer2.0"];
    view.chosenSort.value = { by: "difference", a: "s:8=#&", b: "i:814" };
    view.chosenStatistic.value = "active";
    view.scale.value = "unit";
    view.expression.value = "score < 0.5";
    view.selection.value = { kind: "neuron", layer: "head[logits]", neuron: 3 };
    view.chosenDetailLayer.value = "head[logits]";
    view.instancesTab.value = "table";
    view.panel("head[logits]").method.value = "tsne";
    view.panel("head").method.value = "along:e:score < 0.5";
    view.panel("head[logits]").zoom.value = { scale: 2.5, x: -0.25, y: 1 };
    view.panel("head[logits]").columns.value = { first: 12.5, span: 100 };
    await soon();
    const before = encode();
    const hash = writeHash("#activis&_smoothingWeight=0", before);
    expect(hash).toMatch(/^#activis&_smoothingWeight=0&p\.activis\.run=a%2Fb%20%26%20c&/);
    decode(new Map());
    expect(view.chosenRows.value).toBeNull();
    decode(readHash(hash));
    expect(view.chosenRun.value).toBe("a/b & c");
    expect(view.chosenStep.value).toBe(0);
    expect(view.chosenRows.value?.[3]).toEqual({ kind: "expression", expression: "id in [1, 2]", name: "mine" });
    expect(view.chosenRows.value?.[4]).toEqual({ kind: "expression", expression: "loss > 2", colour: 12 });
    expect(view.compareMode.value).toBe("difference");
    expect(view.openModules.value).toEqual(["layer2", "layer2.0"]);
    expect(view.panel("head").method.value).toBe("along:e:score < 0.5");
    expect(view.panel("head[logits]").zoom.value).toEqual({ scale: 2.5, x: -0.25, y: 1 });
    expect(view.panel("head[logits]").columns.value).toEqual({ first: 12.5, span: 100 });
    expect(encode()).toEqual(before);
  });

  it("calls the index of a selected instance row, so that old links and new ones are alike", () => {
    const fields = readHash('#activis&p.activis.rows=[["i",3]]&p.activis.selection={"kind":"instance","row":5}');
    decode(fields);
    expect(view.chosenRows.value).toEqual([{ kind: "instance", index: 3 }]);
    expect(view.selection.value).toEqual({ kind: "instance", index: 5 });
    expect(encode()).toEqual(fields);
  });

  it("writes nothing that nobody chose", () => {
    expect(writeHash("#activis", encode())).toBe("#activis");
  });

  it.each([
    ["p.activis.rows=[[1", null],
    ["p.activis.rows={}", null],
    ['p.activis.rows=[["i",-1],["x"],7,["s","8"]]', [{ kind: "subset", name: "8" }]],
  ])("survives %s", (part, rows) => {
    decode(
      readHash(
        `#activis&${part}&p.activis.sort={"by":"row"}&p.activis.scale=huge&p.activis.step=x&p.activis.run=%E0%A4%A`,
      ),
    );
    expect(view.chosenRows.value).toEqual(rows);
    expect(view.chosenSort.value).toBeNull();
    expect(view.scale.value).toBe("auto");
    expect(view.chosenStep.value).toBeNull();
  });

  it("follows a zoom when it rests", async () => {
    const zoom = view.panel("a").columns;
    await soon();
    const bar = new Bar("#activis");
    const stop = followAddress(bar as unknown as Window);
    for (let first = 1; first <= 5; first++) zoom.value = { first, span: 8 };
    expect(bar.location.hash).toBe("#activis");
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(readHash(bar.location.hash).get("panel:a")).toBe('{"v":[5,8]}');
    expect(bar.entries).toHaveLength(1);
    stop();
  });

  it("makes a way back of every choice, but not of every step", () => {
    const bar = new Bar("#activis&tagFilter=x");
    const stop = followAddress(bar as unknown as Window);
    view.chosenLayers.value = ["a"];
    view.chosenStep.value = 20;
    view.chosenStep.value = 40;
    expect(bar.entries).toHaveLength(2);
    expect(bar.location.hash).toBe("#activis&tagFilter=x&p.activis.step=40&p.activis.layers=%5B%22a%22%5D");
    bar.back();
    expect(view.chosenLayers.value).toBeNull();
    expect(view.chosenStep.value).toBeNull();
    expect(bar.entries).toEqual(["#activis&tagFilter=x"]);
    stop();
  });

  it("gives a link that is written otherwise no entry beside its own, to which nothing would lead back", () => {
    const bar = new Bar("#activis&p.activis.layers=%5B%22a%22,%20%22b%22%5D&p.activis.run=");
    const stop = followAddress(bar as unknown as Window);
    expect(bar.entries).toEqual(["#activis&p.activis.layers=%5B%22a%22%2C%22b%22%5D"]);
    bar.entries.push("#activis&p.activis.layers=%5B%20%22c%22%5D");
    bar.dispatchEvent(new Event("hashchange"));
    expect(bar.entries).toHaveLength(2);
    expect(bar.location.hash).toBe("#activis&p.activis.layers=%5B%22c%22%5D");
    bar.back();
    expect(view.chosenLayers.value).toEqual(["a", "b"]);
    expect(bar.entries).toHaveLength(1);
    stop();
  });
});
