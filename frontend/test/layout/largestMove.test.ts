import { expect, it } from "vitest";
import { largestMove } from "../../src/layout/largestMove";

const at = (values: (number | null)[]): { step: number; value: number | null }[] =>
  values.map((value, i) => ({ step: 10 * i, value }));

it("finds where a curve moves most, up or down, the first of several", () => {
  expect(largestMove(at([0.1, 0.2, 0.6, 0.7]))).toEqual({
    from: { step: 10, value: 0.2 },
    to: { step: 20, value: 0.6 },
  });
  expect(largestMove(at([0.9, 0.2, 0.5]))?.to.step).toBe(10);
  expect(largestMove(at([0, 1, 0]))?.to.step).toBe(10);
});

it("passes over steps without a value, and finds nothing where nothing moves", () => {
  expect(largestMove(at([0.1, null, 0.6]))).toEqual({ from: { step: 0, value: 0.1 }, to: { step: 20, value: 0.6 } });
  expect(largestMove(at([0.5, 0.5]))).toBeNull();
  expect(largestMove(at([null, 0.5]))).toBeNull();
  expect(largestMove([])).toBeNull();
});
