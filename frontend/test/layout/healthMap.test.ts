import { describe, expect, it } from "vitest";
import { roundEnd } from "../../src/draw/colormap";
import {
  columnOf,
  columnWords,
  healthLevel,
  healthRows,
  healthScale,
  largestOf,
  moduleStarts,
  rowAt,
  shareOf,
} from "../../src/layout/healthMap";

describe("the scale of training health", () => {
  it("is logarithmic from a power of ten to a round number, and a single spike does not pale the rest", () => {
    const values = [...Array.from({ length: 999 }, (_, i) => 0.001 * (1 + i / 1000)), 5000];
    const scale = healthScale(values, false, roundEnd);
    expect(scale).toEqual({ low: 0.001, high: 0.002, log: true, below: false, above: true });
    expect(healthLevel(scale, 0.001)).toBe(0);
    expect(healthLevel(scale, Math.sqrt(0.001 * 0.002))).toBeCloseTo(0.5);
    expect(healthLevel(scale, 5000)).toBe(1);
  });

  it("has a place for zero, and none for what was not measured or is not finite", () => {
    const scale = healthScale([0, NaN, Infinity, 1, 10, 100], false, roundEnd);
    expect(scale).toMatchObject({ low: 1, high: 100, below: true, above: false });
    expect([0, 10, NaN, Infinity].map((value) => healthLevel(scale, value))).toEqual([0, 0.5, NaN, Infinity]);
  });

  it("is linear for shares, and never beyond the whole", () => {
    expect(healthScale([0, 0.42], true, roundEnd)).toEqual({
      low: 0,
      high: 0.5,
      log: false,
      below: false,
      above: false,
    });
    expect(healthScale([0, 1], true, roundEnd).high).toBe(1);
  });

  it.each([[[]], [[NaN]], [[0, 0]], [[-1]], [[Infinity]], [[1e-30, 1e30]]])(
    "is there whatever was measured: %s",
    (values) => {
      for (const isShare of [true, false]) {
        const scale = healthScale(values, isShare, roundEnd);
        expect(scale.low).toBeLessThan(scale.high);
        for (const value of values.filter(Number.isFinite)) {
          expect(healthLevel(scale, value)).toBeGreaterThanOrEqual(0);
          expect(healthLevel(scale, value)).toBeLessThanOrEqual(1);
        }
      }
    },
  );
});

describe("the rows of training health", () => {
  const gaps = (names: string[]): string[] => names.filter((_, i) => moduleStarts(names)[i]);

  it("have a gap between modules, but not between single layers", () => {
    const blocks = [0, 1, 2].flatMap((i) => [`blocks.${i}.conv1`, `blocks.${i}.conv2`]);
    const names = ["stem.conv", "block1.conv", ...blocks, "block2.conv", "head.fc1", "head.fc2"];
    expect(gaps(names)).toEqual(["blocks.0.conv1", "block2.conv", "head.fc1"]);
  });

  it("are divided further where a module has many layers, below what all of them share", () => {
    const layers = [0, 1, 2].flatMap((i) =>
      ["query", "key", "value", "output"].map((name) => `bert.layer.${i}.${name}`),
    );
    expect(gaps(["bert.words", ...layers, "classifier"])).toEqual([
      "bert.layer.0.query",
      "bert.layer.1.query",
      "bert.layer.2.query",
      "classifier",
    ]);
    expect(gaps(layers)).toEqual(["bert.layer.1.query", "bert.layer.2.query"]);
  });

  it("end where equal names do", () => {
    expect(gaps(["a", "a", "a"])).toEqual([]);
    expect(moduleStarts([])).toEqual([]);
  });

  it("are never lower than a name, and found again by their pixels", () => {
    for (const count of [1, 12, 13, 24, 25, 500]) {
      const rows = healthRows(Array.from({ length: count }, (_, i) => `m${i >> 2}.${i}`));
      expect(rows.row).toBeGreaterThanOrEqual(16);
      rows.tops.forEach((top, i) => {
        expect(rowAt(rows, top + 1)).toBe(i);
        expect(rowAt(rows, top + rows.row - 1)).toBe(i);
      });
      expect(rows.height).toBe(rows.tops.at(-1)! + rows.row);
    }
  });
});

describe("the columns of training health", () => {
  const steps = [0, 10, 20, 40];

  it("are found by step", () => {
    expect([-1, 0, 9, 10, 39, 40, 99].map((step) => columnOf(steps, step))).toEqual([-1, 0, 0, 1, 2, 3, 3]);
  });

  it("have steps between their beginnings", () => {
    expect(shareOf(steps, 49, 0)).toBe(0);
    expect(shareOf(steps, 49, 30)).toBe(0.625);
    expect(shareOf(steps, 49, 45)).toBe(0.875);
    expect([shareOf(steps, 49, -1), shareOf(steps, 49, 50)]).toEqual([NaN, NaN]);
  });

  it("say what they stand for", () => {
    expect(columnWords([0, 1, 2], 1)).toBe("every measured step");
    expect(columnWords([0, 20, 40], 1)).toBe("every 20 steps");
    expect(columnWords([0, 5, 10], 5)).toBe("every 5 steps, the largest of them");
    expect(columnWords([0, 5, 12], 5)).toBe("a column for 5 measured steps, the largest of them");
    expect(columnWords([7], 1)).toBe("every measured step");
  });
});

it("the largest value of a row is the largest finite one", () => {
  const values = [1, NaN, 3, Infinity, 2, 1, NaN, NaN, NaN];
  expect(largestOf(values, 3)).toEqual([
    { value: 3, finite: true },
    { value: 2, finite: false },
    { value: NaN, finite: true },
  ]);
  expect(largestOf([], 0)).toEqual([]);
});
