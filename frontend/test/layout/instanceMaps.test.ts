import { describe, expect, it } from "vitest";
import type { InstanceMap } from "../../src/api/types";
import { middleOf, pictureOf, placeOf, placeText, positionsText, withValues } from "../../src/layout/instanceMaps";

const map = (map_sizes: number[], peak = 0): InstanceMap => ({
  index: 0,
  id: 0,
  label: null,
  prediction: null,
  value: 1,
  peak,
  known: map_sizes.length > 0 ? "whole" : "peak",
  map_sizes,
  start: 0,
  length: null,
  tokens: null,
});

describe("withValues", () => {
  it("gives each instance its own, and none to one whose peak alone is known", () => {
    const maps = withValues([map([2, 2]), map([]), map([3])], Float32Array.from([1, 2, 3, 4, 5, 6, 7]));
    expect(maps.map(({ values }) => Array.from(values))).toEqual([[1, 2, 3, 4], [], [5, 6, 7]]);
  });
});

describe("places", () => {
  it("counts row by row", () => {
    expect(placeOf(11, [4, 5])).toEqual([2, 1]);
    expect(placeOf(31, [2, 4, 5])).toEqual([1, 2, 1]);
    expect(placeOf(700, [-1])).toEqual([700]);
    expect(placeOf(-1, [4, 5])).toBeNull();
    expect(placeOf(20, [4, 5])).toBeNull();
  });

  it("says where", () => {
    expect(placeText(11, [4, 5])).toBe("row 2, column 1");
    expect(placeText(31, [2, 4, 5])).toBe("slice 1, row 2, column 1");
    expect(placeText(7, [-1])).toBe("position 7");
    expect(placeText(-1, [-1])).toBe("nowhere");
  });

  it("finds the middle of a place, of a volume in its slice", () => {
    expect(middleOf(11, [4, 5])).toEqual({ x: 0.3, y: 0.625 });
    expect(middleOf(31, [2, 4, 5])).toEqual({ x: 0.3, y: 0.625 });
    expect(middleOf(3, [10])).toBeNull();
  });
});

describe("pictureOf", () => {
  it("is the map, or the slice of a volume in which the peak is", () => {
    const [flat, volume] = withValues(
      [map([2, 2], 3), map([2, 1, 2], 3 * 8 + 5)],
      Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
    );
    expect(pictureOf(flat!, [4, 4])).toEqual({ height: 2, width: 2, values: Float32Array.from([1, 2, 3, 4]) });
    expect(pictureOf(volume!, [4, 2, 4])).toEqual({ height: 1, width: 2, values: Float32Array.from([7, 8]) });
    expect(pictureOf({ ...map([]), values: new Float32Array() }, [4, 4])).toBeNull();
  });
});

it("says what a layer's positions are", () => {
  expect([[], [-1], [8, 8], [4, 8, 8]].map(positionsText)).toEqual([
    "",
    "one value per position",
    "a map of 8 × 8",
    "a volume of 4 × 8 × 8",
  ]);
});
