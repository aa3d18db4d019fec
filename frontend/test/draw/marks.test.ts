import { describe, expect, it } from "vitest";
import { isLit } from "../../src/draw/marks";
import type { Block, Side } from "../../src/layout/classes";

const side = (indices: number[], from = 0, to = indices.length): Side => ({
  ...({} as Side),
  indices: Int32Array.from(indices),
  per: 1,
  from,
  to,
});
const block = (right: Side, wrong: Side): Block => ({ group: 0, top: 0, height: 9, right, wrong, pages: 1, page: 0 });

describe("a block of marks stands out", () => {
  const lit = Uint8Array.of(0, 0, 0, 1, 0, 0);

  it("when one of its shown instances does, right or wrong", () => {
    expect(isLit(block(side([0, 3]), side([])), lit)).toBe(true);
    expect(isLit(block(side([0]), side([1, 3])), lit)).toBe(true);
  });

  it("not by others, and not by one on another page", () => {
    expect(isLit(block(side([0, 1]), side([2])), lit)).toBe(false);
    expect(isLit(block(side([0]), side([3, 4, 5], 1, 3)), lit)).toBe(false);
  });
});
