import { describe, expect, it } from "vitest";
import { count, fixed, integer, percent, short, signed, sizes, tick } from "../../src/draw/format";

describe("numbers", () => {
  it.each([
    [integer(12352), "12,352"], [integer(-3), "−3"], [integer(null), "–"], [fixed(-4.66, 1), "−4.7"], [fixed(-0.001), "0.00"], [fixed(NaN), "NaN"],
    [fixed(-Infinity), "−∞"], [signed(2.94), "+2.9"], [signed(-1.5), "−1.5"], [signed(0.01), "0.0"], [short(2.684), "2.68"], [short(0.04123), "0.041"],
    [short(1204.4), "1,204"], [short(3.14e-7), "3.1e−7"], [short(0), "0"], [tick(-8), "−8"], [tick(1.2), "1.2"], [percent(0.9502), "95.0%"],
    [percent(null), "–"], [sizes([-1, 16, 8, 8]), "16×8×8"], [sizes([-1]), "scalar"], [count(1, "class", "classes"), "1 class"],
    [count(10, "class", "classes"), "10 classes"],
  ])("%s is %s", (got, expected) => expect(got).toBe(expected));
});
