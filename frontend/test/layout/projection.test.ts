import { describe, expect, test } from "vitest";
import { random } from "../../fixture/data";
import { between, boundsOf, frameOf, isPoint, panBy, toPlace, zoomAt } from "../../src/layout/projection";
import { gridOf, nearest, towards } from "../../src/layout/projectionGrid";
import { aroundMiddle, besidePoint, clusters, place } from "../../src/layout/projectionLabels";
import { joined, tracer } from "../../src/layout/projectionLasso";

const WHOLE = { scale: 1, x: 0, y: 0 };
const pixel = (frame: ReturnType<typeof frameOf>, x: number, y: number): [number, number] => [
  frame.x0 + x * frame.scale,
  frame.y0 - y * frame.scale,
];

describe("frame", () => {
  test("holds every place within the padding, with one scale for both axes and y upwards", () => {
    const xy = Float32Array.from([0, 0, 10, 0, 10, 2]);
    const frame = frameOf(boundsOf(xy), 228, 128, WHOLE);
    expect(frame.scale).toBeCloseTo(20);
    expect(pixel(frame, 0, 0)).toEqual([14, 84]);
    expect(pixel(frame, 10, 2)).toEqual([214, 44]);
    expect(toPlace(frame, 214, 44)).toEqual([10, 2]);
  });
  test("leaves out what is not finite, and gives a single place a box", () => {
    expect(boundsOf(Float32Array.from([NaN, 1, 3, 4, 5, Infinity]))).toEqual({
      left: 2.5,
      right: 3.5,
      low: 3.5,
      high: 4.5,
    });
    expect(boundsOf(new Float32Array(0))).toEqual({ left: -0.5, right: 0.5, low: -0.5, high: 0.5 });
  });
  test("is a point when all lie at one place, those without a place left out", () => {
    expect(isPoint(Float32Array.from([1, 2, 1, 2, NaN, NaN]))).toBe(true);
    expect(isPoint(Float32Array.from([1, 2, 1, 2.5]))).toBe(false);
    expect(isPoint(Float32Array.from([1, 2, 2, 1]))).toBe(false);
  });
  test("keeps the place under the pointer while zooming", () => {
    const bounds = { left: -4, right: 4, low: -3, high: 3 };
    const before = toPlace(frameOf(bounds, 240, 200, WHOLE), 150, 60);
    const zoom = zoomAt(zoomAt(WHOLE, 2, 150, 60, 240, 200), 3, 150, 60, 240, 200);
    const after = toPlace(frameOf(bounds, 240, 200, zoom), 150, 60);
    expect(zoom.scale).toBe(6);
    expect(after[0]).toBeCloseTo(before[0]);
    expect(after[1]).toBeCloseTo(before[1]);
  });
  test("moves with the pointer, and not beyond the picture", () => {
    const bounds = { left: -4, right: 4, low: -3, high: 3 };
    const zoom = zoomAt(WHOLE, 4, 120, 100, 240, 200);
    const before = pixel(frameOf(bounds, 240, 200, zoom), 0.1, 0.2);
    const after = pixel(frameOf(bounds, 240, 200, panBy(zoom, 11, -7, 240, 200)), 0.1, 0.2);
    expect(after[0] - before[0]).toBeCloseTo(11);
    expect(after[1] - before[1]).toBeCloseTo(-7);
    expect(panBy(WHOLE, 50, 50, 240, 200)).toEqual(WHOLE);
    expect(zoomAt(zoom, 1e-3, 7, 9, 240, 200)).toEqual(WHOLE);
  });
  test("goes from one step's places to the next", () => {
    expect(between(Float32Array.from([0, 4]), Float32Array.from([2, 0]), 0.25, new Float32Array(2))).toEqual(
      Float32Array.from([0.5, 3]),
    );
  });
});

describe("nearest", () => {
  const next = random(3);
  const xy = Float32Array.from({ length: 2 * 700 }, () => next() * 6 - 2);
  const grid = gridOf(xy);
  const byHand = (x: number, y: number, radius: number): number => {
    let [best, least] = [-1, radius];
    for (let i = 0; i < 700; i++) {
      const d = Math.hypot(xy[2 * i]! - x, xy[2 * i + 1]! - y);
      if (d <= least) [best, least] = [i, d];
    }
    return best;
  };
  test("agrees with a search through all", () => {
    for (let k = 0; k < 300; k++) {
      const [x, y, radius] = [next() * 8 - 3, next() * 8 - 3, 0.02 + next() * 0.5];
      expect(nearest(grid, x, y, radius)).toBe(byHand(x, y, radius));
    }
  });
  test("finds none where none is near, passes over what does not count, and bears places that are not numbers", () => {
    expect(nearest(grid, 100, 100, 1)).toBe(-1);
    const best = nearest(grid, 1, 1, 1);
    expect(nearest(grid, 1, 1, 1, (row) => row !== best)).not.toBe(best);
    expect(nearest(gridOf(Float32Array.from([NaN, NaN, 1, 1])), 1.1, 1, 1)).toBe(1);
    expect(nearest(gridOf(Float32Array.from([2, 2, 2, 2])), 2, 2.4, 0.5)).toBe(1);
  });
  test("moves by arrow keys", () => {
    const cross = Float32Array.from([0, 0, 1, 0.2, -1, 0, 0.1, 2, 0, -3, 5, 0]);
    expect((["right", "left", "up", "down"] as const).map((way) => towards(cross, 0, way))).toEqual([1, 2, 3, 4]);
    expect(towards(cross, 5, "right")).toBe(-1);
  });
});

describe("lasso", () => {
  const places = Float32Array.from([0, 0, 2, 2, 1, 0.5, -1, 0, 2.9, 2.9]);
  const within = (line: number[], xy: Float32Array): number[] => [
    ...joined(new Int32Array(0), tracer()([...line, ...line.slice(0, 2)], gridOf(xy)), "new"),
  ];
  test("holds what is inside, also in a hollow shape", () => {
    expect(within([-0.5, -0.5, 3, -0.5, 3, 3, -0.5, 3], places)).toEqual([0, 1, 2, 4]);
    expect(within([-2, -1, 3, -1, 3, 3, 2.5, 3, 2.5, -0.5, -0.5, -0.5, -0.5, 1, -2, 1], places)).toEqual([3, 4]);
    expect(within([0, 0, 1, 1], places)).toEqual([]);
    expect(within([], places)).toEqual([]);
  });
  test("holds what is inside of a circle of many corners, wherever it lies, and what has no place never", () => {
    const next = random(3);
    const many = Float32Array.from({ length: 4000 }, (_, i) => (i >> 1 === 77 ? NaN : 6 * next() - 3));
    const circle = Array.from({ length: 800 }, (_, i) =>
      i % 2 === 0 ? 0.5 + 2 * Math.cos((i * Math.PI) / 400) : 2 * Math.sin(((i - 1) * Math.PI) / 400),
    );
    const away = (row: number): number => Math.hypot(many[2 * row]! - 0.5, many[2 * row + 1]!);
    const clear = Array.from({ length: 2000 }, (_, row) => row).filter((row) => !(Math.abs(away(row) - 2) <= 0.001));
    expect(clear.length).toBeGreaterThan(1900);
    const inside = new Set(within(circle, many));
    expect(clear.filter((row) => inside.has(row))).toEqual(clear.filter((row) => away(row) < 2));
  });
  test("drawn corner by corner is the same, and begins anew with a new line or at other places", () => {
    const square = [-0.5, -0.5, 3, -0.5, 3, 3, -0.5, 3, -0.5, -0.5];
    const [grid, moved] = [gridOf(places), gridOf(places.map((x) => x + 2))];
    const trace = tracer();
    for (let corners = 1; corners < 5; corners++) trace(square.slice(0, 2 * corners), grid);
    expect([...trace(square, grid)]).toEqual([1, 1, 1, 0, 1]);
    trace([9, 9, 8, 9], grid);
    expect([
      ...trace(
        square.map((x) => x - 1.5),
        grid,
      ),
    ]).toEqual([1, 0, 1, 1, 0]);
    for (let corners = 1; corners < 5; corners++) trace(square.slice(0, 2 * corners), grid);
    // Rows 0 to 4 now lie at (2, 2), (4, 4), (3, 2.5), (1, 2) and (4.9, 4.9).
    expect([...trace(square, moved)]).toEqual([1, 0, 0, 1, 0]);
  });
  test("adds to and removes from what was picked", () => {
    const before = Int32Array.from([4, 1]);
    const drawn = Uint8Array.from([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    expect([...joined(before, drawn, "add")]).toEqual([0, 1, 4, 10]);
    expect([...joined(before, drawn, "remove")]).toEqual([1]);
    expect([...joined(before, drawn, "new")]).toEqual([0, 4, 10]);
    expect([...joined(Int32Array.from([70, 2]), drawn, "add")]).toEqual([0, 2, 4, 10]);
  });
});

describe("names", () => {
  test("stand at the median of their cluster, which an outlier does not move", () => {
    const xy = Float32Array.from([0, 0, 1, 5, 2, 6, 3, 1, 100, 7]);
    expect(clusters(Int16Array.from([0, 2, 2, -1, 2]), xy)).toEqual([
      { group: 0, x: 0, y: 0, count: 1 },
      { group: 2, x: 2, y: 6, count: 3 },
    ]);
    expect(clusters(Int16Array.from([1, 1]), Float32Array.from([1, 1, 2, 4]))).toEqual([
      { group: 1, x: 1.5, y: 2.5, count: 2 },
    ]);
  });
  test("make way for those before them, and are left out where there is no room", () => {
    const wish = { x: 50, y: 50, width: 10, height: 14, offsets: aroundMiddle(10, 14) };
    const [a, b, c] = place([wish, { ...wish, y: 52 }, { ...wish, offsets: [[0, 0]] }], 100, 100);
    expect(a).toEqual({ x: 50, y: 50 });
    expect(b && Math.abs(b.x - 50) + Math.abs(b.y - 50)).toBeGreaterThan(7);
    expect(c).toBeNull();
    expect(place([{ x: 95, y: 50, width: 30, height: 14, offsets: besidePoint(30, 14, 8) }], 100, 100)).toEqual([
      { x: 72, y: 50 },
    ]);
  });
});
