import { describe, expect, test } from "vitest";
import {
  byClass,
  byFalling,
  byTarget,
  hitAt,
  layOut,
  markAt,
  PAD,
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
  test("right and wrong share the width as their largest blocks need it", () => {
    // 34 columns of 7 px behind the names: 81 right and 8 wrong want 31 and 3, and a side has at least 4.
    const groups = [
      { right: rows(80), wrong: rows(1, 80) },
      { right: rows(81), wrong: rows(8, 100) },
    ];
    const small = layOut(groups, 312, 7, 44, true);
    expect([small.rightColumns, small.wrongColumns, small.rightX, small.wrongX]).toEqual([30, 4, 56, 276]);
    expect(small.blocks.map(({ top, height }) => [top, height])).toEqual([
      [0, 40],
      [40, 40],
    ]);
    const large = layOut(groups, 384, 9, 44, true);
    expect([large.rightColumns, large.wrongColumns, large.mark, large.blocks[0]?.height]).toEqual([30, 4, 8, 50]);
    const even = layOut([{ right: rows(60), wrong: rows(60, 60) }], 312, 7, 44, true);
    expect([even.rightColumns, even.wrongColumns]).toEqual([17, 17]);
    const none = layOut([{ right: rows(0), wrong: rows(60) }], 312, 7, 44, true);
    expect([none.rightColumns, none.wrongColumns]).toEqual([4, 30]);
  });
  test("a mark stands for as many instances in every block, right or wrong", () => {
    const groups = [
      { right: rows(900), wrong: rows(400, 900) },
      { right: rows(150, 2000), wrong: rows(50, 2150) },
    ];
    const laid = layOut(groups, 312, 7, 44, true);
    // The largest has 1,300, of 600 marks each.
    expect(laid.per).toBe(5);
    // 34 columns: 180 marks of 900 and 80 of 400 share them as 24 and 10, in 10 lines: room for a fifth more than 260.
    expect([laid.rightColumns, laid.wrongColumns, laid.blocks[0]?.height]).toEqual([24, 10, 10 * 7 + 12]);
    expect(laid.blocks[1]?.height).toBe(4 * 7 + 12);
    // With few blocks there is room for more marks in each; with many, a block of 200 shows each of its instances.
    const crowd = (count: number, size: number): number =>
      layOut(
        Array.from({ length: count }, () => ({ right: rows(size), wrong: rows(0) })),
        312,
        7,
        44,
        true,
      ).per;
    expect([crowd(1, 1200), crowd(1, 1201), crowd(2, 600), crowd(2, 601)]).toEqual([1, 2, 1, 2]);
    expect([crowd(10, 200), crowd(10, 201), crowd(500, 200)]).toEqual([1, 2, 1]);
    expect([perMark(104, 104), perMark(105, 104), perMark(1041, 104), perMark(0, 104)]).toEqual([1, 2, 20, 1]);
  });
  test("blocks stay where they are, however many of their instances are right, and hold them all", () => {
    const sizes = [92, 87, 150, 3, 0, 199];
    const shares = [
      [1, 1, 1, 1, 1, 1],
      [0, 0, 0, 0, 0, 0],
      [1, 0, 1, 0, 1, 0],
      [0.5, 0.9, 0.1, 1, 0, 0.3],
    ];
    const laid = shares.map((right) =>
      layOut(
        sizes.map((size, i) => {
          const rights = Math.round(size * right[i]!);
          return { right: rows(rights, i * 1000), wrong: rows(size - rights, i * 1000 + rights) };
        }),
        312,
        7,
        44,
        true,
      ),
    );
    const places = laid.map(({ blocks }) => blocks.map(({ top, height }) => [top, height]));
    for (const one of places) expect(one).toEqual(places[0]);
    for (const { blocks, per, pitch, rightColumns, wrongColumns } of laid)
      for (const { height, right, wrong } of blocks) {
        const lines = Math.max(
          Math.ceil(Math.ceil(right.length / per) / rightColumns),
          Math.ceil(Math.ceil(wrong.length / per) / wrongColumns),
        );
        expect(PAD + lines * pitch).toBeLessThanOrEqual(height);
      }
    // All right or all wrong need no larger mark; half of the blocks each way does.
    expect(laid.map(({ per }) => per)).toEqual([1, 1, 2, 2]);
  });
  test("without a wrong side the marks take all the width", () => {
    const { wrongColumns, rightColumns } = layOut([{ right: rows(5), wrong: rows(0) }], 312, 7, 44, false);
    expect([wrongColumns, rightColumns]).toEqual([0, 35]);
  });
});

describe("pointing", () => {
  const classes = layOut(
    [
      { right: rows(30), wrong: rows(3, 30) },
      { right: rows(90, 100), wrong: rows(10, 190) },
    ],
    312,
    7,
    44,
    true,
  );
  const crowd = layOut([{ right: rows(900), wrong: rows(400, 900) }], 312, 7, 44, true);
  test("finds the mark under a point, and nothing beside the marks", () => {
    expect([classes.rightColumns, classes.wrongX]).toEqual([30, 276]);
    expect([...hitAt(classes, 56 + 7 * 29 + 2, 5 + 2)!.indices]).toEqual([29]);
    expect(hitAt(classes, 56 + 2, 5 + 7 + 2)).toMatchObject({ side: null, block: { group: 0 } });
    expect(hitAt(classes, 278, 6)).toMatchObject({ side: "wrong", indices: Int32Array.of(30) });
    expect(hitAt(classes, 20, 10)?.side).toBeNull();
    expect(hitAt(classes, 20, classes.height)).toBeNull();
    expect(hitAt(classes, 20, -1)).toBeNull();
  });
  test("a mark of many gives all its instances, the last one those that are left", () => {
    expect(crowd.per).toBe(2);
    expect([...hitAt(crowd, 57 + 7, 6)!.indices]).toEqual([2, 3]);
    expect([...hitAt(crowd, crowd.wrongX + 1, 6)!.indices]).toEqual([900, 901]);
    const odd = layOut([{ right: rows(1301), wrong: rows(0) }], 312, 7, 44, false);
    const { x, y } = placeOf(odd, 1300)!;
    expect([...hitAt(odd, x + 3, y + 3)!.indices]).toEqual([1300]);
  });
  test("what is hit is where the instance is placed", () => {
    for (const row of [0, 29, 31, 155, 199]) {
      const place = placeOf(classes, row)!;
      expect([...hitAt(classes, place.x + 3, place.y + 3)!.indices]).toContain(row);
    }
    for (const row of [0, 555, 1040]) {
      const place = placeOf(crowd, row)!;
      expect([...hitAt(crowd, place.x + 3, place.y + 3)!.indices]).toContain(row);
    }
    expect(placeOf(classes, 99_999)).toBeNull();
    expect(markAt(classes, classes.blocks[0]!, "right", 30)).toEqual({ x: 56, y: 12 });
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
