import { describe, expect, it } from "vitest";
import { matrixScale, onScale } from "../../src/draw/matrixScale";

// Three rows of four neurons: the last has no spread, the third a NaN.
const values = Float32Array.from([1, 10, 5, 7, 2, 20, NaN, 7, 6, 60, 9, 7]);
const question = { values, neurons: 4, count: 3, reference: [0, 1, 2], signed: false };

describe("raw", () => {
  it("goes from zero to the 99th percentile, rounded", () => {
    const scale = matrixScale({ ...question, kind: "raw" });
    expect(scale).toMatchObject({ signed: false, end: 60, above: false, below: false, missing: 1, allZero: false });
    expect(onScale(scale, 20, 1)).toBe(20);
    expect(onScale(scale, NaN, 1)).toBeNaN();
    expect(onScale(scale, Infinity, 1)).toBeNaN();
  });

  it("clips what lies beyond and says so", () => {
    const wide = Float32Array.from({ length: 1000 }, (_, i) => (i === 0 ? 500 : i === 1 ? -900 : (i % 100) / 100));
    const scale = matrixScale({ values: wide, neurons: 1000, count: 1, reference: [0], kind: "raw", signed: false });
    expect(scale).toMatchObject({ end: 1, signed: true, above: true, below: true });
  });

  it("is two-sided where the layer is signed, even if no value is negative", () => {
    expect(matrixScale({ ...question, kind: "raw", signed: true }).signed).toBe(true);
  });

  it("ends where it is told", () => {
    expect(matrixScale({ ...question, kind: "raw", end: 1 }).end).toBe(1);
  });

  it("shows the few that are not zero", () => {
    const sparse = new Float32Array(1000);
    sparse[3] = 2.3;
    expect(
      matrixScale({ values: sparse, neurons: 1000, count: 1, reference: [0], kind: "raw", signed: false }).end,
    ).toBe(2.5);
  });

  it("knows a layer of zeros and one of NaN", () => {
    const dead = matrixScale({ ...question, values: new Float32Array(12), kind: "raw" });
    expect(dead).toMatchObject({ allZero: true, allMissing: false, end: 1, above: false });
    const lost = matrixScale({ ...question, values: new Float32Array(12).fill(NaN), kind: "z" });
    expect(lost).toMatchObject({ allZero: false, allMissing: true, missing: 12, end: 1 });
  });
});

describe("z", () => {
  it("counts deviations of a neuron over the rows", () => {
    const scale = matrixScale({ ...question, kind: "z" });
    // Rows 1, 2, 6: mean 3, deviation sqrt(14 / 3).
    expect(onScale(scale, 6, 0)).toBeCloseTo(3 / Math.sqrt(14 / 3), 5);
    expect(onScale(scale, 60, 1)).toBeCloseTo(30 / Math.sqrt(1400 / 3), 5);
    expect(onScale(scale, 9, 2)).toBeCloseTo(1, 5);
    expect(onScale(scale, 7, 3)).toBe(0);
    expect(scale.signed).toBe(true);
  });

  it("leaves rows that are not for reference out of it", () => {
    const scale = matrixScale({ ...question, kind: "z", reference: [0, 1] });
    expect(onScale(scale, 6, 0)).toBeCloseTo(9, 5);
    expect(scale.above).toBe(true);
  });
});

describe("unit", () => {
  it("is a share of the neuron's range", () => {
    const scale = matrixScale({ ...question, kind: "unit" });
    expect(onScale(scale, 2, 0)).toBeCloseTo(0.2, 6);
    expect(onScale(scale, 60, 1)).toBeCloseTo(1, 6);
    expect(onScale(scale, 7, 3)).toBe(0);
    expect(scale).toMatchObject({ signed: false, end: 1, above: false });
  });
});
