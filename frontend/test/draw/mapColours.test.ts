import { afterEach, describe, expect, it } from "vitest";
import { overlayPixels, shareOf, tokenGround } from "../../src/draw/mapColours";
import { type Theme, TOKENS, theme } from "../../src/draw/theme";

afterEach(() => {
  theme.value = "light";
});

const linear = (channel: number): number => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
const luminance = ([r = 0, g = 0, b = 0]: readonly number[]): number =>
  0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
const rgb = (hex: string): number[] => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

/** A colour with alpha over the page. */
function over(css: string, page: readonly number[]): number[] {
  const [r = 0, g = 0, b = 0, alpha = 1] = Array.from(css.matchAll(/[\d.]+/g), ([number]) => Number(number));
  return [r, g, b].map((channel, i) => channel * alpha + (page[i] as number) * (1 - alpha));
}

describe("the ground of a token", () => {
  it.each(["light", "dark"] as Theme[])("leaves the ink at 4.5 : 1 or more for every value (%s)", (now) => {
    const [page, ink] = [rgb(TOKENS[now].background), luminance(rgb(TOKENS[now].text))];
    for (let share = -1; share <= 1; share += 1 / 64) {
      const ground = luminance(over(tokenGround(share, now), page));
      const contrast = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
      expect(contrast).toBeGreaterThanOrEqual(now === "light" ? 4.9 : 4.5);
    }
  });

  it("is the page at zero", () => {
    expect(tokenGround(0)).toMatch(/, 0\.000\)$/);
  });
});

describe("shareOf", () => {
  it("clips, and has no side below zero on a scale from zero", () => {
    const [both, up] = [
      { end: 2, signed: true },
      { end: 2, signed: false },
    ];
    expect([1, 5, -1, -9, NaN, undefined].map((value) => shareOf(value, both))).toEqual([0.5, 1, -0.5, -1, 0, 0]);
    expect([1, -1].map((value) => shareOf(value, up))).toEqual([0.5, 0]);
  });
});

describe("an overlay", () => {
  it("covers more the larger a value is, and nothing where none is known", () => {
    const pixels = overlayPixels(Float32Array.from([NaN, 0, 0.25, 1, -1]), { end: 1, signed: true });
    const [missing, zero, quarter, most, least] = Array.from(pixels, (pixel) => pixel >>> 24) as number[];
    expect([missing, zero]).toEqual([0, 0]);
    expect(quarter).toBeCloseTo((most as number) / 2, -1);
    expect(least).toBe(most);
    expect(pixels[3]).not.toBe(pixels[4]);
  });
});
