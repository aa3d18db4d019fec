import { describe, expect, it } from "vitest";
import { isLit } from "../../src/draw/marks";
import type { Block } from "../../src/layout/classes";

const block = (right: number[], wrong: number[]): Block => ({
  group: 0,
  top: 0,
  height: 9,
  right: Int32Array.from(right),
  wrong: Int32Array.from(wrong),
});

describe("a block of marks stands out", () => {
  const lit = Uint8Array.of(0, 0, 0, 1, 0, 0);

  it("when one of its instances does, right or wrong, and not by others", () => {
    expect(isLit(block([0, 3], []), lit)).toBe(true);
    expect(isLit(block([0], [1, 3]), lit)).toBe(true);
    expect(isLit(block([0, 1], [2]), lit)).toBe(false);
  });
});
