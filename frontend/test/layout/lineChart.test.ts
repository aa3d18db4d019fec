import { describe, expect, it } from "vitest";
import { emphasis, heightAt, linePath, MANY_LINES, nearestLine, placeLabels } from "../../src/layout/lineChart";

const label = (y: number, rank = 2): { y: number; rank: number } => ({ y, rank });

describe("labels at the ends of lines", () => {
  it("stay where they are when there is room", () => {
    expect(placeLabels([label(10), label(40), label(80)], 0, 100, 12)).toEqual([10, 40, 80]);
  });

  it("never overlap, keep the order of the lines, and move as little as possible", () => {
    expect(placeLabels([label(50), label(50), label(50)], 0, 100, 12)).toEqual([38, 50, 62]);
    const wanted = [99, 3, 50, 52, 51, 98, 97, 1];
    const placed = placeLabels(
      wanted.map((y) => label(y)),
      6,
      100,
      12,
    ) as number[];
    const sorted = placed.toSorted((a, b) => a - b);
    for (let i = 1; i < sorted.length; i++) expect(sorted[i]! - sorted[i - 1]!).toBeGreaterThanOrEqual(12 - 1e-9);
    expect(Math.min(...placed)).toBeGreaterThanOrEqual(6);
    expect(Math.max(...placed)).toBeLessThanOrEqual(100);
    const byLine = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
    const byLabel = wanted.map((_, i) => i).sort((a, b) => placed[a]! - placed[b]!);
    expect(byLabel).toEqual(byLine);
  });

  it("give way by rank where not all fit", () => {
    const placed = placeLabels([label(10), label(11, 0), label(12, 1), label(90)], 0, 20, 12);
    expect(placed.map((y) => y !== null)).toEqual([false, true, true, false]);
    expect(placeLabels([], 0, 20, 12)).toEqual([]);
  });
});

describe("lines", () => {
  it("have gaps where nothing is known, and dots where a value stands alone", () => {
    const points = [1, NaN, 2, 3, NaN].map((y, x) => ({ x, y }));
    expect(linePath(points)).toBe("M0.0 1.0h0.01M2.0 2.0L3.0 3.0");
  });

  it("are found by the height at the pointer, not by the nearest point", () => {
    const rising = [
      { x: 0, y: 0 },
      { x: 100, y: 100 },
    ];
    const flat = [
      { x: 0, y: 80 },
      { x: 100, y: 80 },
    ];
    expect(heightAt(rising, 50)).toBe(50);
    expect(heightAt(rising, 120)).toBeNaN();
    expect(nearestLine([rising, flat], 50, 60, 14)).toBe(0);
    expect(nearestLine([rising, flat], 50, 70, 14)).toBe(1);
    expect(nearestLine([rising, flat], 50, 20, 14)).toBe(-1);
    expect(nearestLine([[{ x: 0, y: NaN }]], 0, 0, 14)).toBe(-1);
  });

  it("are pale among many, but those that are chosen", () => {
    expect(emphasis(MANY_LINES, false, false, false).opacity).toBe(1);
    const [pale, strong] = [emphasis(100, false, false, false), emphasis(100, false, true, false)];
    expect(pale.opacity).toBeLessThan(0.4);
    expect(strong).toMatchObject({ opacity: 1 });
    expect(strong.width).toBeGreaterThan(pale.width);
  });

  it("make way for the hovered one", () => {
    const [own, other] = [emphasis(10, true, false, true), emphasis(10, false, true, true)];
    expect(own.opacity).toBe(1);
    expect(other.opacity).toBeLessThan(0.5);
  });
});
