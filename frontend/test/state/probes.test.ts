import { effect } from "@preact/signals";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fixtureSource } from "../../fixture/source";
import { pick } from "../../src/state/actions";
import { instanceName, isProbe, pinned, rowName } from "../../src/state/chosen";
import { columns, rows, setSource, snapshot } from "../../src/state/data";
import { lookForRuns } from "../../src/state/poll";
import { followSubject, listed } from "../../src/views/instances/listed";
import { grouped } from "../../src/views/instances/look";

const settled = async (ready: () => boolean): Promise<void> => {
  for (let i = 0; i < 200 && !ready(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(ready()).toBe(true);
};

const PROBES = 2;
let stops: (() => void)[];

beforeAll(async () => {
  vi.stubGlobal("requestAnimationFrame", (work: () => void) => setTimeout(work));
  const source = fixtureSource();
  // The last two instances are probes.
  setSource({
    ...source,
    snapshot: async (at, abort) => {
      const read = await source.snapshot(at, abort);
      return { ...read, kept: read.kept - PROBES, seen: read.seen - PROBES, probes: PROBES };
    },
  });
  await lookForRuns();
  stops = [
    effect(() => void [listed.value, grouped.value, rows.value, snapshot.value, columns.value]),
    followSubject(),
  ];
  await settled(() => columns.value.status === "ready" && snapshot.value.status === "ready");
});
afterAll(() => stops.forEach((stop) => stop()));

describe("probes", () => {
  it("are pinned at first, before the classes, and are called so", () => {
    expect(pinned.value).toEqual([897, 898]);
    expect(rows.value.slice(0, 3).map(rowName)).toEqual([
      `probe ${columns.value.value?.ids[897]}`,
      `probe ${columns.value.value?.ids[898]}`,
      "0",
    ]);
    expect(isProbe(896)).toBe(false);
    expect(instanceName(0)).toBe(`#${columns.value.value?.ids[0]}`);
  });

  it("are no part of right and wrong by class", () => {
    const now = grouped.value;
    if (now?.task !== "classification") throw new Error("the fixture is a classification");
    const all = now.groups.flatMap(({ right, wrong }) => [...right, ...wrong]);
    expect(all.length).toBe(897);
    expect(all.some(isProbe)).toBe(false);
  });

  it("stand first in lists", async () => {
    pick({ name: "some", rows: Int32Array.of(3, 898, 5, 897) });
    await settled(() => listed.value.title === "some"); // a frame later
    expect([...listed.value.rows.subarray(0, 2)].sort()).toEqual([897, 898]);
    expect([...listed.value.rows.subarray(2)].sort()).toEqual([3, 5]);
    pick(null);
  });
});
