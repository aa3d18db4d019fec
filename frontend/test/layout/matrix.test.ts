import { describe, expect, it } from "vitest";
import {
  clampView,
  hiddenRows,
  hit,
  LABELS,
  matrixShape,
  placeToX,
  scrollTo,
  tickStep,
  visibleRows,
  xToPlace,
  zoomView,
} from "../../src/layout/matrix";

// A panel at 1440 x 900: 602 px wide, 249 px below its header, two pinned instances and ten classes sorted by a
// difference.
const full = { width: 602, height: 249, pinned: 2, subsets: 10, effect: true };

describe("matrixShape", () => {
  it("gives the rows of the design at 1440 and at 1920 px", () => {
    const small = matrixShape(full);
    expect(small).toMatchObject({ left: 120, right: 600, top: 38, effect: { zero: 18, reach: 15 } });
    expect(small.pinned).toEqual({ top: 38, height: 36, rowHeight: 18, count: 2 });
    expect(small.subsets).toEqual({ top: 80, height: 140, rowHeight: 14, count: 10 });
    expect(small.bottom).toBe(220);
    expect(small.ids).toBe(229);
    const large = matrixShape({ ...full, width: 743, height: 339 });
    expect(large.subsets.rowHeight).toBe(23);
    expect(large.pinned.rowHeight).toBe(18);
  });

  it("lets rows scroll rather than shrink, and keeps the pinned ones there", () => {
    const many = matrixShape({ ...full, subsets: 1000 });
    expect(many.subsets.rowHeight).toBe(13);
    expect(many.subsets.height).toBe(249 - 38 - 20 - 6 - 36);
    expect(many.right).toBe(592);
    const pins = matrixShape({ ...full, pinned: 40, subsets: 10 });
    expect(pins.pinned.height % 18).toBe(0);
    expect(pins.subsets.height).toBeGreaterThanOrEqual(3 * 13);
    expect(pins.bottom).toBeLessThanOrEqual(249 - 20);
    // A line between them says how many are out of sight, where some are.
    expect(pins.subsets.top - pins.pinned.top - pins.pinned.height).toBe(20);
    const few = matrixShape({ ...full, pinned: 4, subsets: 3 });
    expect(few.subsets.top - few.pinned.top - few.pinned.height).toBe(6);
  });

  it("does without pinned rows, without subsets and without bars", () => {
    const plain = matrixShape({ ...full, pinned: 0, effect: false });
    expect(plain.effect).toBeNull();
    expect(plain.subsets.top).toBe(8);
    expect(visibleRows(matrixShape(full).typed, 0)).toEqual({ first: 0, end: 0 });
    const typed = matrixShape({ ...full, pinned: 2, subsets: 10, typed: true });
    expect(typed.typed.top).toBeGreaterThan(typed.pinned.top + typed.pinned.height);
    expect(typed.subsets.top).toBe(typed.typed.top + typed.typed.height + 3);
    expect(typed.typed.height).toBeGreaterThanOrEqual(18);
    expect(typed.bottom).toBeLessThanOrEqual(full.height);
    const lone = matrixShape({ ...full, subsets: 0 });
    expect(lone.bottom).toBe(38 + 36);
    expect(matrixShape({ ...full, subsets: 1, pinned: 0 }).subsets.rowHeight).toBe(40);
  });
});

describe("hiddenRows", () => {
  it("counts rows that are not seen in full, above and below", () => {
    const block = { top: 0, height: 54, rowHeight: 18, count: 30 };
    expect(hiddenRows(block, 0)).toEqual({ below: 27, above: 0 });
    expect(hiddenRows(block, 18)).toEqual({ below: 26, above: 1 });
    expect(hiddenRows(block, 25)).toEqual({ below: 26, above: 2 });
    expect(hiddenRows(block, 30 * 18 - 54)).toEqual({ below: 0, above: 27 });
  });
});

describe("visibleRows", () => {
  it("counts rows that are seen in part", () => {
    const block = { top: 0, height: 50, rowHeight: 14, count: 1000 };
    expect(visibleRows(block, 0)).toEqual({ first: 0, end: 4 });
    expect(visibleRows(block, 15)).toEqual({ first: 1, end: 5 });
    expect(visibleRows(block, 14 * 1000 - 50)).toEqual({ first: 996, end: 1000 });
  });
});

describe("scrollTo", () => {
  const block = { top: 0, height: 50, rowHeight: 10, count: 100 };
  it("moves as little as it takes", () => {
    expect(scrollTo(block, 0, 2)).toBe(0);
    expect(scrollTo(block, 0, 7)).toBe(30);
    expect(scrollTo(block, 300, 7)).toBe(70);
  });
});

describe("column view", () => {
  it("keeps the place under the pointer while zooming", () => {
    const view = zoomView({ first: 0, span: 16_000 }, 16_000, 4, 0.25);
    expect(view).toEqual({ first: 3000, span: 4000 });
    const shape = matrixShape(full);
    const x = placeToX(shape, view, 4000);
    expect(x).toBeCloseTo(240);
    expect(xToPlace(shape, view, x)).toBeCloseTo(4000);
  });

  it("stays within the layer, and never nearer than eight columns", () => {
    expect(clampView({ first: -5, span: 10 }, 48)).toEqual({ first: 0, span: 10 });
    expect(clampView({ first: 45, span: 10 }, 48)).toEqual({ first: 38, span: 10 });
    expect(zoomView({ first: 20, span: 10 }, 48, 100, 0.5).span).toBe(8);
    expect(zoomView({ first: 20, span: 10 }, 48, 0.001, 0.5)).toEqual({ first: 0, span: 48 });
    expect(clampView({ first: 0, span: 10 }, 3)).toEqual({ first: 0, span: 3 });
  });
});

describe("hit", () => {
  const shape = matrixShape(full);
  const all = { first: 0, span: 48 };
  const still = { pinned: 0, subsets: 0 };
  const at = (x: number, y: number, scroll = still) => hit(shape, all, 48, scroll, x, y);

  it("finds cells, names, bars and numbers", () => {
    expect(at(120, 38)).toEqual({ block: "pinned", row: 0, place: 0 });
    expect(at(599, 219)).toEqual({ block: "subsets", row: 9, place: 47 });
    expect(at(60, 90)).toEqual({ block: "subsets", row: 0, place: -1 });
    expect(at(135, 20)).toEqual({ block: null, row: -1, place: 1 });
    expect(at(135, 229)).toEqual({ block: null, row: -1, place: 1 });
  });

  it("finds nothing between the blocks, right of the cells and beside the numbers", () => {
    expect(at(200, 77)).toBeNull();
    expect(at(601, 90)).toBeNull();
    expect(at(LABELS - 20, 229)).toBeNull();
  });

  it("follows the scroll", () => {
    expect(at(200, 82, { pinned: 0, subsets: 28 })).toEqual({ block: "subsets", row: 2, place: 8 });
  });
});

describe("tickStep", () => {
  it("thins out numbers as in the design", () => {
    expect(tickStep(480 / 48, 11.5)).toBe(3);
    expect(tickStep(480 / 64, 11.5)).toBe(4);
    expect(tickStep(741 / 48, 11.5)).toBe(2);
    expect(tickStep(50, 11.5)).toBe(1);
  });

  it("takes readable steps in wide layers", () => {
    expect(tickStep(480 / 16_000, 28)).toBe(2000);
  });
});
