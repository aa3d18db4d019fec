import { effect } from "@preact/signals";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixtureSource } from "../../fixture/source";
import { addRow } from "../../src/state/actions";
import { rows, setSource, snapshot } from "../../src/state/data";
import { notices } from "../../src/state/derived";
import { refreshRuns } from "../../src/state/poll";
import { rowKey } from "../../src/state/rowKeys";

let stop: () => void;

beforeAll(async () => {
  const source = fixtureSource();
  const subsets = Array.from({ length: 1000 }, (_, i) => ({
    name: `c${i}`,
    kind: "class" as const,
    expression: "",
    count: 1,
  }));
  setSource({ ...source, snapshot: async (at, abort) => ({ ...(await source.snapshot(at, abort)), subsets }) });
  await refreshRuns();
  stop = effect(() => void [rows.value, snapshot.value]);
  for (let i = 0; i < 200 && snapshot.value.status !== "ready"; i++)
    await new Promise((resolve) => setTimeout(resolve, 5));
});
afterAll(() => stop());

describe("a thousand classes", () => {
  it("are all rows at first, and the last give way to what is added: the server answers no more at once", () => {
    expect(rows.value.length).toBe(1000);
    addRow({ kind: "instance", index: 7 });
    addRow({ kind: "expression", expression: "score < 0.5" });
    const keys = rows.value.map(rowKey);
    expect(keys.length).toBe(1000);
    expect(keys).toEqual(expect.arrayContaining(["i:7", "e:score < 0.5", "s:c0", "s:c997"]));
    expect(keys).not.toContain("s:c998");
    // Those that gave way are there.
    expect(notices.value).toEqual([]);
  });
});
