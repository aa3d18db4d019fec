import { describe, expect, it } from "vitest";
import { type Box, placeBeside } from "../../src/layout/tooltipPlace";

const VIEW: Box = { left: 0, top: 0, width: 1000, height: 600 };
const SIZE = { width: 200, height: 40 };

const covers = ({ left, top }: { left: number; top: number }, other: Box): boolean =>
  left < other.left + other.width &&
  left + SIZE.width > other.left &&
  top < other.top + other.height &&
  top + SIZE.height > other.top;

describe("beside", () => {
  it("keeps clear of the hovered row and column, in the middle and in every corner", () => {
    for (const x of [5, 500, 980])
      for (const y of [5, 300, 580]) {
        const cell = { left: x, top: y, width: 10, height: 14 };
        const row = { left: 0, top: y, width: 1000, height: 14 };
        const column = { left: x, top: 0, width: 10, height: 600 };
        const place = placeBeside(cell, SIZE, VIEW, [row, column]);
        for (const box of [cell, row, column]) expect(covers(place, box)).toBe(false);
        expect(place.left).toBeGreaterThanOrEqual(0);
        expect(place.left + SIZE.width).toBeLessThanOrEqual(1000);
        expect(place.top).toBeGreaterThanOrEqual(0);
        expect(place.top + SIZE.height).toBeLessThanOrEqual(600);
      }
  });

  it("stands above what it explains where there is room, else below", () => {
    expect(placeBeside({ left: 400, top: 300, width: 20, height: 20 }, SIZE, VIEW)).toEqual({ left: 310, top: 252 });
    expect(placeBeside({ left: 400, top: 10, width: 20, height: 20 }, SIZE, VIEW)).toEqual({ left: 310, top: 38 });
  });

  it("never leaves the window, however large it is and wherever what it explains has gone", () => {
    for (const size of [SIZE, { width: 992, height: 40 }, { width: 420, height: 590 }])
      for (const left of [-300, 0, 500, 1200])
        for (const top of [-80, 0, 300, 900]) {
          const place = placeBeside({ left, top, width: 20, height: 20 }, size, VIEW);
          expect(place.left).toBeGreaterThanOrEqual(0);
          expect(place.left + size.width).toBeLessThanOrEqual(1000);
          expect(place.top).toBeGreaterThanOrEqual(0);
          expect(place.top + size.height).toBeLessThanOrEqual(600);
        }
  });
});
