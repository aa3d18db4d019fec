import { describe, expect, it } from "vitest";
import { axisOver, place, thinned } from "../../src/views/detail/axis";

describe("the axis of the drawer's lists", () => {
  it("covers the values with round ticks", () => {
    expect(axisOver([-3.3, 10.4])).toEqual({ low: -4, high: 12, ticks: [-4, -2, 0, 2, 4, 6, 8, 10, 12] });
    expect(axisOver([0.02, 0.11], 5).ticks).toEqual([0.02, 0.04, 0.06, 0.08, 0.1, 0.12]);
  });
  it("leaves out what is not finite and has a width of its own where all are equal or there are none", () => {
    expect(axisOver([Number.NaN, 1, Infinity, 3], 2)).toMatchObject({ low: 1, high: 3 });
    const { low, high } = axisOver([5, 5]);
    expect(low).toBeLessThan(5);
    expect(high).toBeGreaterThan(5);
    expect(axisOver([])).toMatchObject({ low: 0, high: 1 });
    expect(axisOver([0]).high).toBeGreaterThan(axisOver([0]).low);
  });
  it("places values and thins labels around zero", () => {
    expect(place({ low: -2, high: 6, ticks: [] }, 0, 100, 180)).toBe(120);
    expect(thinned([-4, -2, 0, 2, 4, 6], 3)).toEqual([-4, 0, 4]);
    expect(thinned([1, 2, 3], 10)).toEqual([1, 2, 3]);
  });
});
