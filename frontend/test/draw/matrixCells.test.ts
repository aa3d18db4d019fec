import { describe, expect, it } from "vitest";
import { columnRanges, fillPixels } from "../../src/draw/matrixCells";
import { effectEnd } from "../../src/draw/matrixMarks";
import { ABSENT, MISSING, Pyramid, quantise } from "../../src/draw/matrixPyramid";
import { matrixScale } from "../../src/draw/matrixScale";

function pyramid(rows: number[][], order = rows[0]!.map((_, i) => i)): Pyramid {
  const values = Float32Array.from(rows.flat());
  const neurons = rows[0]!.length;
  const scale = matrixScale({
    values,
    neurons,
    count: rows.length,
    kind: "raw",
    reference: rows.map((_, i) => i),
    signed: true,
    end: 1,
  });
  return new Pyramid(values, Int32Array.from(order), scale);
}

describe("Pyramid", () => {
  it("holds the rows in sorted order", () => {
    const made = pyramid(
      [
        [0, 0.5, -1],
        [1, NaN, 0],
      ],
      [2, 0, 1],
    );
    expect([0, 1, 2].map((place) => made.peak(0, place, place + 1))).toEqual([-127, 0, 64]);
    expect([0, 1, 2].map((place) => made.peak(1, place, place + 1))).toEqual([0, 127, MISSING]);
  });

  it("keeps of many the one farthest from zero, for any range and length", () => {
    for (const neurons of [1, 2, 5, 7, 64, 1000]) {
      const row = Array.from({ length: neurons }, (_, i) => 0.5 * Math.sin(i * 1.7));
      row[Math.floor(neurons / 3)] = -0.9;
      const made = pyramid([row]);
      expect(made.peak(0, 0, neurons)).toBe(quantise(-0.9));
      // A range may take in a neighbour of its edges, but loses nothing of its own.
      for (const [from, end] of [
        [0, Math.ceil(neurons / 2)],
        [Math.floor(neurons / 4), neurons],
      ] as const) {
        const largest = Math.max(...row.slice(from, end).map((value) => Math.abs(quantise(value))));
        expect(Math.abs(made.peak(0, from, end))).toBeGreaterThanOrEqual(largest);
      }
    }
  });

  it("lets values win over missing ones", () => {
    expect(pyramid([[NaN, 0, NaN, NaN]]).peak(0, 0, 4)).toBe(0);
    expect(pyramid([[NaN, NaN]]).peak(0, 0, 2)).toBe(MISSING);
  });
});

describe("quantise", () => {
  it("clips at the ends", () => {
    expect([-3, -1, 0, 0.5, 1, 7, NaN].map(quantise)).toEqual([-127, -127, 0, 64, 127, 127, MISSING]);
  });
});

describe("columnRanges", () => {
  it("gives every pixel one column when there is room", () => {
    const ranges = columnRanges({ first: 0, span: 3 }, 3, 8);
    // Edges at 8/3 and 16/3, on the nearest pixel: 3 and 5.
    expect(Array.from({ length: 8 }, (_, x) => ranges[2 * x])).toEqual([0, 0, 0, 1, 1, 2, 2, 2]);
  });

  it("covers all columns without a gap when there is none", () => {
    const ranges = columnRanges({ first: 0, span: 1000 }, 1000, 96);
    for (let x = 0; x < 96; x++) {
      expect(ranges[2 * x + 1]).toBeGreaterThan(ranges[2 * x]!);
      if (x > 0) expect(ranges[2 * x]).toBeLessThanOrEqual(ranges[2 * x - 1]!);
    }
    expect([ranges[0], ranges.at(-1)]).toEqual([0, 1000]);
  });

  it("starts where the view does", () => {
    const ranges = columnRanges({ first: 10.5, span: 4 }, 48, 8);
    expect(Array.from({ length: 8 }, (_, x) => ranges[2 * x])).toEqual([10, 11, 11, 12, 12, 13, 13, 14]);
  });
});

describe("fillPixels", () => {
  it("writes the rows asked for in their order", () => {
    const made = pyramid([
      [1, -1],
      [0, 1],
      [0.5, 0],
    ]);
    const table = Uint32Array.from({ length: 256 }, (_, i) => i);
    const pixels = new Uint32Array(4);
    fillPixels(pixels, [made], columnRanges({ first: 0, span: 2 }, 2, 2), [2, 0, 1], 1, 3, table);
    expect(Array.from(pixels, (index) => index - 128)).toEqual([127, -127, 0, 127]);
  });
});

describe("a row that was not sent yet", () => {
  it("has no value, whatever the others have, and a colour of its own", () => {
    const [whole, order] = [pyramid([[1, -1]]), Int32Array.of(1, 0)];
    const made = new Pyramid(Uint8Array.of(255, 1), order, whole.scale, Int32Array.of(1));
    expect([0, 1, 2].map((row) => made.peak(row, 0, 1))).toEqual([ABSENT, -127, ABSENT]);
    expect([0, 1, 2].map((row) => made.peak(row, 1, 2))).toEqual([ABSENT, 127, ABSENT]);
    const [table, pixels] = [Uint32Array.from({ length: 257 }, (_, i) => i), new Uint32Array(4)];
    fillPixels(pixels, [made], columnRanges({ first: 0, span: 2 }, 2, 2), [0, 1], 0, 2, table);
    expect(Array.from(pixels, (index) => index - 128)).toEqual([ABSENT, ABSENT, -127, 127]);
  });
});

describe("fillPixels of two", () => {
  it("puts what is compared below what is shown, row by row", () => {
    const [own, other] = [pyramid([[1], [0]]), pyramid([[-1], [0.5]])];
    const table = Uint32Array.from({ length: 256 }, (_, i) => i);
    const pixels = new Uint32Array(4);
    fillPixels(pixels, [own, other], columnRanges({ first: 0, span: 1 }, 1, 1), [0, 1], 0, 2, table);
    expect(Array.from(pixels, (index) => index - 128)).toEqual([127, -127, 0, 64]);
  });
});

describe("effectEnd", () => {
  it("rounds up, and is not flattened by one neuron without spread", () => {
    expect(effectEnd(Float32Array.from([3.6, -4.7, 0]))).toBe(5);
    const wild = Float32Array.from({ length: 500 }, (_, i) => (i === 0 ? 900 : i % 4));
    expect(effectEnd(wild)).toBe(3);
    expect(effectEnd(Float32Array.from([NaN, Infinity]))).toBe(1);
  });
});
