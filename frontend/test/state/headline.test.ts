import { describe, expect, it } from "vitest";
import type { LayerInfo, SubsetInfo } from "../../src/api/types";
import { confusion } from "../../src/layout/confusion";
import { errorsPerClass, isByErrors, orderClasses } from "../../src/state/classOrder";
import type { ConfusionCounts } from "../../src/state/confusion";
import { deadNeurons, largestMiss, mainConfusion, mostErrors } from "../../src/state/headline";

/** Counts of these labels and predictions. */
function counted(classes: number, pairs: readonly [number, number][]): ConfusionCounts {
  const label = pairs.map(([own]) => own);
  const totals = new Int32Array(classes);
  for (const own of label) totals[own]!++;
  return {
    classes,
    totals,
    counts: confusion(
      label,
      pairs.map(([, taken]) => taken),
      classes,
    ),
  };
}

const times = (count: number, label: number, prediction: number): [number, number][] =>
  Array.from({ length: count }, () => [label, prediction]);

describe("the headline", () => {
  it("has the largest cell off the diagonal, and says when it is not alone", () => {
    const counts = counted(3, [...times(9, 0, 0), ...times(3, 0, 2), ...times(2, 1, 0), ...times(4, 1, 1)]);
    expect(mainConfusion(counts)).toEqual({
      kind: "confusion",
      label: 0,
      prediction: 2,
      count: 3,
      of: 12,
      alike: false,
    });
    const tied = counted(2, [...times(2, 0, 1), ...times(2, 1, 0), ...times(5, 1, 1)]);
    expect(mainConfusion(tied)).toMatchObject({ label: 0, prediction: 1, count: 2, of: 2, alike: true });
    expect(mainConfusion(counted(2, times(7, 1, 1)))).toBeNull();
  });

  it("has the class with most errors, of equally many the smaller one", () => {
    const counts = counted(3, [...times(4, 0, 1), ...times(20, 0, 0), ...times(3, 1, 0), ...times(1, 1, 2)]);
    expect(mostErrors(counts)).toEqual({ kind: "errors", label: 1, count: 4, of: 4 });
    expect(mostErrors(counted(2, times(3, 0, 0)))).toBeNull();
  });

  it("has the layer with the largest share of neurons that do nothing", () => {
    const layer = (name: string, neurons: number, zero: number, never: number): LayerInfo =>
      ({ name, neurons, warnings: { all_zero: zero, never_above_zero: never, constant: zero } }) as LayerInfo;
    expect(deadNeurons([layer("a", 64, 0, 6), layer("b", 8, 2, 0), layer("c", 10, 0, 0)])).toEqual({
      kind: "dead",
      layer: "b",
      count: 2,
      of: 8,
      never: false,
    });
    expect(deadNeurons([layer("a", 4, 0, 0)])).toBeNull();
  });

  it("has the number that is furthest off, of the sample alone", () => {
    const [label, prediction] = [Float32Array.of(1, 2, NaN, 0, 0), Float32Array.of(1.5, 0, 3, 0.5, 99)];
    expect(largestMiss(label, prediction, 4)).toEqual({ kind: "miss", index: 1, label: 2, prediction: 0, mean: 1 });
    expect(largestMiss([NaN], [1], 1)).toBeNull();
  });
});

describe("the order of classes", () => {
  const classes = (...counts: number[]): SubsetInfo[] =>
    counts.map((count, i) => ({ name: String(i), kind: "class", expression: `label == ${i}`, count }));
  const names = (list: readonly SubsetInfo[]): string => list.map(({ name }) => name).join("");

  it("is their own, with those that have no instances last", () => {
    expect(names(orderClasses(classes(0, 3, 0, 5), null))).toBe("1302");
  });

  it("is by errors, then by share, where there are many", () => {
    expect([isByErrors("auto", 20), isByErrors("auto", 21), isByErrors("own", 99), isByErrors("errors", 2)]).toEqual([
      false,
      true,
      false,
      true,
    ]);
    const errors = errorsPerClass([0, 0, 1, 2, 2, 3, 3, -1], [0, 1, 1, 0, 1, 0, 0, 0], 7);
    expect(Object.fromEntries(errors)).toEqual({ 0: 1, 2: 1, 3: 2 });
    const order = orderClasses(classes(4, 1, 2, 9, 0), (name) => errors.get(Number(name)) ?? 0);
    expect(names(order)).toBe("32014");
  });

  it("counts no errors of pinned instances, which come behind the sample", () => {
    expect(errorsPerClass([1, 1, 1], [0, 0, 0], 2).get(1)).toBe(2);
  });
});
