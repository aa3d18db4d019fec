import { describe, expect, test } from "vitest";
import {
  byClass,
  byFalling,
  byTarget,
  hitAt,
  layOut,
  markAt,
  perMark,
  placeOf,
  visible,
} from "../../src/layout/classes";

const rows = (count: number, from = 0): Int32Array => Int32Array.from({ length: count }, (_, i) => from + i);

describe("groups", () => {
  test("split by right and wrong, sorted by score, those without a class last", () => {
    const groups = byClass([1, 0, 1, 1, -1, 0, 1], [1, 1, 0, 1, 255, 1, 0], [0.5, 0.9, 0.4, 0.8, NaN, 0.95, 0.7], 3);
    expect(groups.map(({ right, wrong }) => [[...right], [...wrong]])).toEqual([
      [[5, 1], []],
      [
        [3, 0],
        [6, 2],
      ],
      [[], []],
      [[4], []],
    ]);
    expect(byClass([0, 1], [1, 1], [1, 1], 2)).toHaveLength(2);
  });
  test("values that are missing sort last, equal ones by row", () => {
    expect([...byFalling(Int32Array.from([0, 1, 2, 3, 4]), [NaN, 2, 5, 2, -1])]).toEqual([2, 1, 3, 4, 0]);
    const values = [-0.5, 1e-40, 0, -0, Infinity, -Infinity, -1e-40, 3.25e8];
    expect([...byFalling(Int32Array.from(values.keys()), values)]).toEqual([4, 7, 1, 2, 3, 6, 0, 5]);
  });
  test("targets fall into bins between round edges, the largest into the last", () => {
    const { edges, groups } = byTarget([0.1, 4.9, 2.5, 5, 0.3], [0, 1, 2, -3, 5]);
    expect(edges).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]);
    expect(groups.map(({ right }) => [...right]).filter((bin) => bin.length > 0)).toEqual([[4, 0], [2], [1, 3]]);
    expect(byTarget([7, 7], [1, 2]).groups.flatMap(({ right }) => [...right])).toEqual([1, 0]);
    expect(byTarget([-3, -1], [0, 0]).edges[0]).toBe(-3);
    expect(byTarget([NaN], [0]).groups).toEqual([]);
  });
});

describe("layout", () => {
  test("is the mock's: 26 and 8 columns at 312 px with pitch 7 and at 384 px with pitch 9, blocks of 40 and 50", () => {
    const groups = [
      { right: rows(80), wrong: rows(1, 80) },
      { right: rows(81), wrong: rows(8, 100) },
    ];
    const small = layOut(groups, 312, 7, 44, true);
    expect([small.rightColumns, small.wrongColumns, small.rightX, small.wrongX]).toEqual([26, 8, 56, 248]);
    expect(small.blocks.map(({ top, height }) => [top, height])).toEqual([
      [0, 40],
      [40, 40],
    ]);
    const large = layOut(groups, 384, 9, 44, true);
    expect([large.rightColumns, large.wrongColumns, large.mark, large.blocks[0]?.height]).toEqual([26, 8, 8, 50]);
  });
  test("a block of more than 200 bins its right side and pages its wrong side", () => {
    const groups = [
      { right: rows(900), wrong: rows(100, 900) },
      { right: rows(150, 1000), wrong: rows(50, 1150) },
    ];
    const { blocks } = layOut(groups, 312, 7, 44, true, new Map([[0, 9]]));
    expect(blocks[0]?.right.per).toBe(10);
    expect([blocks[0]?.pages, blocks[0]?.page, blocks[0]?.wrong.from, blocks[0]?.wrong.to]).toEqual([4, 3, 96, 100]);
    expect([blocks[1]?.right.per, blocks[1]?.pages, blocks[1]?.wrong.to]).toEqual([1, 1, 50]);
    // 150 at 26 a line are 6 lines, 50 at 8 are 7.
    expect(blocks[1]?.height).toBe(7 * 7 + 12);
    expect([perMark(104, 104), perMark(105, 104), perMark(1041, 104), perMark(0, 104)]).toEqual([1, 2, 20, 1]);
  });
  test("without a wrong side the marks take all the width", () => {
    const { wrongColumns, rightColumns } = layOut([{ right: rows(5), wrong: rows(0) }], 312, 7, 44, false);
    expect([wrongColumns, rightColumns]).toEqual([0, 35]);
  });
});

describe("pointing", () => {
  const groups = [
    { right: rows(30), wrong: rows(3, 30) },
    { right: rows(900, 100), wrong: rows(100, 1000) },
  ];
  const classes = layOut(groups, 312, 7, 44, true, new Map([[1, 1]]));
  test("finds the mark under a point, and nothing beside the marks", () => {
    expect([...hitAt(classes, 56 + 7 * 3 + 2, 5 + 7 + 2)!.indices]).toEqual([29]);
    expect(hitAt(classes, 56 + 7 * 4 + 2, 5 + 7 + 2)).toMatchObject({ side: null, block: { group: 0 } });
    expect(hitAt(classes, 250, 6)).toMatchObject({ side: "wrong", indices: Int32Array.of(30) });
    expect(hitAt(classes, 20, 10)?.side).toBeNull();
    expect(hitAt(classes, 20, classes.height)).toBeNull();
    expect(hitAt(classes, 20, -1)).toBeNull();
  });
  test("a mark of many gives all its instances, a page its own", () => {
    expect([...hitAt(classes, 57 + 7, 40 + 6)!.indices]).toEqual(Array.from({ length: 10 }, (_, i) => 110 + i));
    expect([...hitAt(classes, 249, 40 + 6)!.indices]).toEqual([1032]);
  });
  test("what is hit is where the instance is placed", () => {
    for (const row of [0, 29, 31, 555, 1040]) {
      const place = placeOf(classes, row)!;
      expect([...hitAt(classes, place.x + 3, place.y + 3)!.indices]).toContain(row);
    }
    expect(placeOf(classes, 1000)).toBeNull();
    expect(placeOf(classes, 99_999)).toBeNull();
    expect(markAt(classes, classes.blocks[0]!, "right", 26)).toEqual({ x: 56, y: 12 });
  });
  test("only what is seen is drawn", () => {
    const many = layOut(
      Array.from({ length: 1000 }, () => ({ right: rows(3), wrong: rows(0) })),
      312,
      7,
      44,
      true,
    );
    expect(visible(many, 4000, 4079).map(({ group }) => group)).toEqual([100, 101]);
    expect(visible(many, 0, 39)).toHaveLength(1);
    expect(visible(layOut([], 312, 7, 44, true), 0, 100)).toEqual([]);
  });
});
