import { describe, expect, it } from "vitest";
import type { Matrix } from "../../src/api/types";
import { withRow } from "../../src/draw/matrixAppend";
import { byteOf, levelOf, MISSING } from "../../src/draw/matrixPyramid";

const source = { kind: "expression", n: 3 } as unknown as Matrix["rows"][number];
const one = (values: number[], more: Partial<Matrix> = {}): Matrix => ({
  count: 1,
  neurons: 3,
  statistics: { mean: Float32Array.from(values) },
  n: Float64Array.of(5),
  order: Int32Array.of(2, 0, 1),
  effect: null,
  quantized: null,
  scale: null,
  offset: null,
  factor: null,
  rows: [source],
  ...more,
});

describe("a row behind the others", () => {
  it("keeps their order and values", () => {
    const all = withRow(
      one([1, 2, 3]),
      one([7, 8, 9], { n: Float64Array.of(2), order: Int32Array.of(0, 1, 2) }),
      "mean",
    );
    expect([all.count, ...all.n]).toEqual([2, 5, 2]);
    expect([...all.statistics.mean!]).toEqual([1, 2, 3, 7, 8, 9]);
    expect([...all.order]).toEqual([2, 0, 1]);
    expect(all.rows).toHaveLength(2);
  });

  it("has no value where the statistic is not known", () => {
    const all = withRow(one([1, 2, 3], { statistics: { std: Float32Array.of(1, 2, 3) } }), one([7, 8, 9]), "mean");
    expect([...all.statistics.std!]).toEqual([1, 2, 3, NaN, NaN, NaN]);
  });

  it("comes onto the scale of a matrix that was sent as colour levels", () => {
    const drawn = one([], {
      statistics: {},
      quantized: Uint8Array.of(1, 128, 255),
      scale: { kind: "z", signed: true, end: 2, above: false, below: false, missing: 0, all_zero: false },
      offset: Float32Array.of(10, 10, 10),
      factor: Float32Array.of(2, 2, 2),
    });
    const all = withRow(drawn, one([9, 10, 10.5]), "mean");
    // z of −2, 0 and 1, of an end of 2.
    expect(Array.from(all.quantized!, (byte) => levelOf(byte, true))).toEqual([-127, 0, 127, -127, 0, 64]);
    // Of a matrix of which some rows were sent, it is there as well.
    expect([...withRow({ ...drawn, count: 9, drawn: Int32Array.of(4) }, one([9, 10, 10.5]), "mean").drawn!]).toEqual([
      4, 9,
    ]);
    expect(all.drawn).toBeUndefined();
    const missing = withRow(drawn, one([NaN, 99, -99]), "mean").quantized!;
    expect(Array.from(missing.subarray(3), (byte) => levelOf(byte, true))).toEqual([MISSING, 127, -127]);
  });
});

it("bytes are the server's: from −end or zero to the end", () => {
  expect([-2, -1, 0, 1, 2].map((share) => byteOf(share, true))).toEqual([1, 1, 128, 255, 255]);
  expect([-1, 0, 0.5, 1].map((share) => byteOf(share, false))).toEqual([1, 1, 128, 255]);
});
