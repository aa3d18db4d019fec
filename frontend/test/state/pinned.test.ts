import { effect } from "@preact/signals";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fixtureSource } from "../../fixture/source";
import { pick } from "../../src/state/actions";
import { columns, rows, setSource, snapshot } from "../../src/state/data";
import { instanceName, isPinnedInstance, pinned, rowName } from "../../src/state/derived";
import { refreshRuns } from "../../src/state/poll";
import { grouping } from "../../src/views/instances/grouping";
import { followSubject, listedInstances } from "../../src/views/instances/listSubject";

const settled = async (ready: () => boolean): Promise<void> => {
  for (let i = 0; i < 200 && !ready(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(ready()).toBe(true);
};

const PINNED = 2;
let stops: (() => void)[];

beforeAll(async () => {
  vi.stubGlobal("requestAnimationFrame", (work: () => void) => setTimeout(work));
  const source = fixtureSource();
  // The last two instances are pinned by who logged.
  setSource({
    ...source,
    snapshot: async (at, abort) => {
      const read = await source.snapshot(at, abort);
      return { ...read, sample_size: read.sample_size - PINNED, seen: read.seen - PINNED, pinned: PINNED };
    },
  });
  await refreshRuns();
  stops = [
    effect(() => void [listedInstances.value, grouping.value, rows.value, snapshot.value, columns.value]),
    followSubject(),
  ];
  await settled(() => columns.value.status === "ready" && snapshot.value.status === "ready");
});
afterAll(() => stops.forEach((stop) => stop()));

describe("pinned instances", () => {
  it("are rows at first, before the classes, and are called so", () => {
    expect(pinned.value).toEqual([897, 898]);
    expect(rows.value.slice(0, 3).map(rowName)).toEqual([
      `pinned ${columns.value.value?.ids[897]}`,
      `pinned ${columns.value.value?.ids[898]}`,
      "0",
    ]);
    expect(isPinnedInstance(896)).toBe(false);
    expect(instanceName(0)).toBe(`#${columns.value.value?.ids[0]}`);
  });

  it("are no part of right and wrong by class", () => {
    const now = grouping.value;
    if (now?.task !== "classification") throw new Error("the fixture is a classification");
    const all = now.groups.flatMap(({ right, wrong }) => [...right, ...wrong]);
    expect(all.length).toBe(897);
    expect(all.some(isPinnedInstance)).toBe(false);
  });

  it("stand first in lists", async () => {
    pick({ name: "some", indices: Int32Array.of(3, 898, 5, 897) });
    await settled(() => listedInstances.value.title === "some"); // a frame later
    expect([...listedInstances.value.indices.subarray(0, 2)].sort()).toEqual([897, 898]);
    expect([...listedInstances.value.indices.subarray(2)].sort()).toEqual([3, 5]);
    pick(null);
  });
});
