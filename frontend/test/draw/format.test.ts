import { describe, expect, it } from "vitest";
import {
  alignedFormat,
  arrow,
  count,
  fixed,
  integer,
  percent,
  short,
  signed,
  sizes,
  tick,
} from "../../src/draw/format";

describe("numbers", () => {
  it.each([
    [integer(12352), "12,352"],
    [integer(-3), "−3"],
    [integer(null), "–"],
    [fixed(-4.66, 1), "−4.7"],
    [fixed(-0.001), "0.00"],
    [fixed(NaN), "NaN"],
    [fixed(-Infinity), "−∞"],
    [signed(2.94), "+2.9"],
    [signed(-1.5), "−1.5"],
    [signed(0.01), "0.0"],
    [short(2.684), "2.68"],
    [short(0.04123), "0.041"],
    [short(1204.4), "1,204"],
    [short(3.14e-7), "3.1e−7"],
    [short(0), "0"],
    [tick(-8), "−8"],
    [tick(1.2), "1.2"],
    [percent(0.9502), "95.0%"],
    [percent(null), "–"],
    [sizes([-1, 16, 8, 8]), "16×8×8"],
    [sizes([-1]), "scalar"],
    [count(1, "class", "classes"), "1 class"],
    [count(10, "class", "classes"), "10 classes"],
  ])("%s is %s", (got, expected) => expect(got).toBe(expected));

  it("of two names read from left to right, whatever their letters", () => {
    expect(arrow("8", "3")).toBe("8 → 3");
    expect(arrow("כלב", "cat")).toBe("\u2068כלב\u2069 → cat");
  });

  it.each([
    ["the middle of 0.006, 0.08, 0.35 has three decimals", [0.35, 0.006, 0.08, null], ["0.350", "0.006", "0.080", "–"]],
    [
      "numbers around three have two, and a large one as many",
      [2.66, -3.1, 0.197, 1234.5],
      ["2.66", "−3.10", "0.20", "1234.50"],
    ],
    ["whole numbers have none", [3, 12_000, 0], ["3", "12,000", "0"]],
    ["what is too large to be read is short", [0.5, 0.7, 2.5e7, NaN], ["0.50", "0.70", "2.5e7", "NaN"]],
    ["there is nothing to go by", [0, NaN, null], ["0", "NaN", "–"]],
  ])("of a column stand under each other: %s", (_, values, expected) =>
    expect(values.map(alignedFormat(values))).toEqual(expected),
  );
});
