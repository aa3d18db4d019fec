import { effect } from "@preact/signals";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { fixtureSource } from "../../fixture/source";
import { pick } from "../../src/state/actions";
import { columns, setSource, snapshot } from "../../src/state/data";
import { clearHover, setHover } from "../../src/state/hover";
import { refreshRuns } from "../../src/state/poll";
import { chosenSort, followSubject, listedInstances, listSort } from "../../src/views/instances/listSubject";

// A frame is at once, but not within what asked for it.
vi.stubGlobal("requestAnimationFrame", (frame: () => void) => queueMicrotask(frame));
let stops: (() => void)[] = [];

beforeAll(async () => {
  setSource(fixtureSource());
  await refreshRuns();
  stops = [effect(() => void [listedInstances.value, snapshot.value]), followSubject()];
  for (let i = 0; i < 200 && !(columns.value.value && snapshot.value.value); i++)
    await new Promise((resolve) => setTimeout(resolve, 5));
});
afterAll(() => stops.forEach((stop) => stop()));
beforeEach(async () => {
  clearHover();
  pick(null);
  await Promise.resolve();
  chosenSort.value = null;
});

const known = () => columns.value.value!;
/** Those for which it holds, by falling value; equal values in the order of their indices. */
const falling = (values: ArrayLike<number>, holds: (index: number) => boolean): number[] =>
  Array.from({ length: known().count }, (_, index) => index)
    .filter(holds)
    .sort((a, b) => values[b]! - values[a]! || a - b);

test("at first all that are wrong, the surest first", () => {
  expect(listSort.value).toEqual({ by: "score", descending: true });
  expect(listedInstances.value.title).toBe("Wrong");
  expect(listedInstances.value.indices.length).toBeGreaterThan(5);
  expect([...listedInstances.value.indices]).toEqual(falling(known().score, (index) => known().correct[index] === 0));
});

test("of a class that is pointed at those that are wrong, and they stay when the pointer leaves", () => {
  setHover({ row: "s:8" });
  const wrong = falling(known().score, (index) => known().label[index] === 8 && known().correct[index] === 0);
  expect(listedInstances.value.title).toBe("Class 8, wrong");
  expect([...listedInstances.value.indices]).toEqual(wrong);
  clearHover();
  expect([...listedInstances.value.indices]).toEqual(wrong);
});

test("of a subset all, in the order that was chosen", () => {
  chosenSort.value = { by: "loss", descending: false };
  setHover({ row: "s:correct" });
  expect([...listedInstances.value.indices]).toEqual(
    falling(known().loss, (index) => known().correct[index] === 1).reverse(),
  );
});

test("of a picked set its instances and no others, whatever their order, and those of a step that kept more are left out", async () => {
  pick({ name: "lasso", indices: Int32Array.of(30, 2, 11, known().count + 4) });
  await Promise.resolve();
  expect(listedInstances.value.title).toBe("Picked");
  expect([...listedInstances.value.indices]).toEqual(falling(known().score, (index) => [30, 2, 11].includes(index)));
  pick(null);
  await Promise.resolve();
  expect(listedInstances.value.title).toBe("Wrong");
});
