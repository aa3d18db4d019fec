import { describe, expect, it } from "vitest";
import type { Columns } from "../../src/api/types";
import { changesBetween, marksOf, perMark } from "../../src/layout/changes";
import { columnsOf } from "./columns";

const ALL = { indexOf: Int32Array.of(0, 1, 2, 3, 4) };
const ids = ["a", "b", "c", "d", "e"];
const known = (parts: Partial<Columns>): Columns => columnsOf(ids, parts);

const groupsOf = (changes: ReturnType<typeof changesBetween>): Record<string, number[]> =>
  Object.fromEntries((changes?.groups ?? []).map(({ name, indices }) => [name, [...indices]]));

describe("what became of the instances", () => {
  it("is told by correctness, of those that both kept, ordered by label", () => {
    const label = Int32Array.of(1, 0, 1, 0, 0);
    const first = known({ label, correct: Uint8Array.of(1, 1, 0, 1, 0) });
    const second = known({ label, correct: Uint8Array.of(1, 1, 1, 0, 0) });
    const changes = changesBetween("classification", first, second, { indexOf: Int32Array.of(4, 3, 2, 1, -1) });
    expect(groupsOf(changes)).toEqual({ "Right in both": [1, 0], Fixed: [2], Broken: [3], "Wrong in both": [] });
    expect(changes?.groupOf).toEqual(Int8Array.of(0, 0, 1, 2, -1));
  });

  it("is not told of instances without a label in one of them, which are counted apart", () => {
    const first = known({ correct: Uint8Array.of(1, 255, 0, 1, 0) });
    const second = known({ correct: Uint8Array.of(0, 1, 255, 1, 0) });
    expect(groupsOf(changesBetween("classification", first, second, ALL))).toMatchObject({
      Broken: [0],
      "Not judged": [1, 2],
    });
  });

  it("is told by the absolute error where labels are numbers", () => {
    const label = Float32Array.of(1, 1, 1, 1, NaN);
    const first = known({ label, prediction: Float32Array.of(2, 0, 1.5, 1, 1) });
    const second = known({ label, prediction: Float32Array.of(0.5, 3, 0.5, 1, 1) });
    expect(groupsOf(changesBetween("regression", first, second, ALL))).toEqual({
      Improved: [0],
      Worsened: [1],
      "Same error": [2, 3],
      "Not judged": [4],
    });
  });

  it("is told by the rank among the common instances for a ranking", () => {
    const label = Float32Array.of(1, 2, 3, 4, 99);
    const first = known({ label, score: Float32Array.of(0.1, 0.3, 0.2, 0.4, 0) });
    const second = known({ label, score: Float32Array.of(5, 6, 7, 8, 0) });
    // The last one, which only the first kept, would move all ranks.
    const changes = changesBetween("ranking", first, second, { indexOf: Int32Array.of(0, 1, 2, 3, -1) });
    expect(groupsOf(changes)).toEqual({ Improved: [1, 2], Worsened: [], "Same place": [0, 3] });
  });

  it("is told by the prediction without labels, and not at all without predictions", () => {
    const first = known({ prediction: Int32Array.of(0, 1, 2, 0, 1) });
    const second = known({ prediction: Int32Array.of(0, 2, 2, 1, 1) });
    expect(groupsOf(changesBetween("classification", first, second, ALL))).toEqual({
      "Same prediction": [0, 4, 2],
      "Other prediction": [3, 1],
    });
    expect(changesBetween("none", known({}), known({}), ALL)).toBeNull();
  });
});

describe("marks", () => {
  it("stand for a round number of instances that lets them fit", () => {
    expect([0, 30, 31, 60, 61, 852, 1_000_000].map((count) => perMark(count, 30))).toEqual([1, 1, 2, 2, 5, 50, 50_000]);
  });

  it("stand for instances of one colour", () => {
    const marks = marksOf(Int32Array.of(4, 6, 8, 1, 3), 2, (index) => index % 2);
    expect(marks.map((mark) => [...mark])).toEqual([[4, 6], [8], [1, 3]]);
  });
});
