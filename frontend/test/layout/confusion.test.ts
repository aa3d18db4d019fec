import { expect, test } from "vitest";
import {
  cellAt,
  confusion,
  indicesIn,
  layOutConfusion,
  mostConfused,
  orderByConfusion,
  READABLE,
} from "../../src/layout/confusion";

const LABEL = [0, 1, 1, 2, 2, 2, -1];
const PREDICTION = [0, 0, 1, 0, 0, -1, 2];

test("counts label by prediction", () => {
  const counts = confusion(LABEL, PREDICTION, 3);
  expect([...counts]).toEqual([1, 0, 0, 1, 1, 0, 2, 0, 0]);
  expect(mostConfused(counts, 3)).toBe(2);
  expect(mostConfused(Int32Array.from([9]), 1)).toBe(0);
});

test("the instances of a cell, a row and a column", () => {
  expect([...indicesIn(LABEL, PREDICTION, { label: 2, prediction: 0 })]).toEqual([3, 4]);
  expect([...indicesIn(LABEL, PREDICTION, { label: 1, prediction: null })]).toEqual([1, 2]);
  expect([...indicesIn(LABEL, PREDICTION, { label: null, prediction: 0 })]).toEqual([0, 1, 3, 4]);
});

/** Counts with 9 right predictions of each class and these errors: [label, prediction, count]. */
function errors(classes: number, ...cells: [number, number, number][]): Int32Array {
  const counts = new Int32Array(classes * classes);
  for (let own = 0; own < classes; own++) counts[own * (classes + 1)] = 9;
  for (const [label, prediction, count] of cells) counts[label * classes + prediction]! += count;
  return counts;
}

test("classes that are taken for each other stand together, those without errors are left out", () => {
  // Two pairs far apart, the second more often confused; 3 is only once taken for 1.
  expect(orderByConfusion(errors(10, [0, 9, 4], [2, 7, 5], [7, 2, 1], [3, 1, 1]), 10)).toEqual([2, 7, 0, 9, 1, 3]);
  expect(orderByConfusion(errors(5), 5)).toEqual([]);
});

test("a few errors between them do not join two blocks, and a block of many is one", () => {
  const blocks = [
    [0, 3, 6],
    [1, 4, 7],
    [2, 5, 8],
  ];
  const inside = blocks.flatMap((members, size) =>
    members.flatMap((label) =>
      members.filter((other) => other !== label).map((other): [number, number, number] => [label, other, 4 - size]),
    ),
  );
  const order = orderByConfusion(errors(9, ...inside, [0, 1, 1], [4, 8, 1]), 9);
  expect([order.slice(0, 3), order.slice(3, 6), order.slice(6)].map((block) => block.toSorted())).toEqual(blocks);
});

test("no class is lost where all are in a chain", () => {
  const counts = errors(4, [0, 1, 1], [1, 2, 1], [2, 3, 1]);
  expect(orderByConfusion(counts, 4).toSorted()).toEqual([0, 1, 2, 3]);
});

test("cells take the width there is, within limits, and long names stand upright", () => {
  const ten = layOutConfusion(10, 312, 8);
  expect([ten.cell, ten.upright, ten.left]).toEqual([24, false, 52]);
  expect(layOutConfusion(1000, 312, 40).cell).toBe(9);
  expect(layOutConfusion(1000, 312, 40, READABLE).cell).toBe(14);
  expect(layOutConfusion(2, 312, 8).cell).toBe(32);
  expect(layOutConfusion(10, 312, 300)).toMatchObject({ upright: true, left: 129 });
});

test("points at cells, names of rows and of columns", () => {
  const { left, top, cell } = layOutConfusion(10, 312, 8);
  const at = (x: number, y: number) => cellAt(layOutConfusion(10, 312, 8), x, y);
  expect(at(left + 3 * cell + 1, top + 8 * cell + 1)).toEqual({ label: 8, prediction: 3 });
  expect(at(left - 4, top + 8 * cell + 1)).toEqual({ label: 8, prediction: null });
  expect(at(left + 3 * cell + 1, top - 4)).toEqual({ label: null, prediction: 3 });
  expect(at(2, 2)).toBeNull();
  expect(at(left + 10 * cell, top + 1)).toBeNull();
});
