import { describe, expect, it } from "vitest";
import { BARS, barHeight, barPath, binAt, binsOf } from "../../src/layout/facets";

describe("bars", () => {
  it("are as high as their share of the most, and at least two pixels where there is something", () => {
    expect([0, 1, 500, 1000].map((count) => barHeight(count, 1000))).toEqual([0, 2, BARS / 2, BARS]);
    expect(barHeight(0, 0)).toBe(0);
  });

  it("are one path", () => {
    expect(barPath([1, 0, 2], 2)).toBe(`M0.05 ${BARS}v-${BARS / 2}h.9V${BARS}zM2.05 ${BARS}v-${BARS}h.9V${BARS}z`);
  });
});

describe("the bins of a range", () => {
  const edges = [0, 0.25, 0.5, 0.75, 1];
  it.each([
    [null, 0.5, { first: 0, end: 2 }],
    [0.5, null, { first: 2, end: 4 }],
    [0.25, 0.75, { first: 1, end: 3 }],
    [0.3, 0.6, { first: 1, end: 3 }],
    [null, null, { first: 0, end: 4 }],
    [-3, -2, { first: 0, end: 1 }],
    [2, 3, { first: 3, end: 4 }],
  ])("from %s to %s", (from, to, bins) => {
    expect(binsOf(edges, from, to)).toEqual(bins);
  });
});

it("a place belongs to a bin", () => {
  expect([-1, 0, 0.49, 0.5, 1, 2].map((share) => binAt(share, 4))).toEqual([0, 0, 1, 2, 3, 3]);
});
