import { describe, expect, it } from "vitest";
import { MAP_SIZE, mapColour, mapIndex, mapPixels, roundEnd } from "../../src/draw/colormap";
import { hexToRgb, labToRgb, rgbToLab } from "../../src/draw/oklab";
import type { Theme } from "../../src/draw/theme";

const channels = (colour: string): number[] => colour.match(/\d+/g)?.map(Number) ?? [];
const lab = (colour: string): number[] => rgbToLab(channels(colour));

describe("oklab", () => {
  it("agrees with published values", () => {
    // Ottosson's table: red is (0.627955, 0.224863, 0.125846)
    const [L = 0, a = 0, b = 0] = rgbToLab([255, 0, 0]);
    expect([L, a, b].map((x) => x.toFixed(4))).toEqual(["0.6280", "0.2249", "0.1258"]);
    expect(labToRgb(rgbToLab([18, 52, 86]))).toEqual([18, 52, 86]);
  });
});

describe.each<Theme>(["light", "dark"])("the map of the %s theme", (theme) => {
  it("has the mock's colours at its quarters", () => {
    const expected = {
      light: ["#5f2e11", "#b7895e", "#f2f5f6", "#5095cd", "#13316d"],
      dark: ["#f6e7c3", "#aa733e", "#24282e", "#2e8bb7", "#bff3f9"],
    }[theme];
    expect([-1, -0.5, 0, 0.5, 1].map((value) => channels(mapColour(value, theme)))).toEqual(expected.map(hexToRgb));
  });

  it("changes its lightness evenly away from zero", () => {
    const sign = theme === "light" ? -1 : 1;
    for (const side of [-1, 1]) {
      const lightness = Array.from({ length: 20 }, (_, i) => lab(mapColour((side * i) / 19, theme))[0] ?? 0);
      for (let i = 1; i < 20; i++) expect(sign * ((lightness[i] ?? 0) - (lightness[i - 1] ?? 0))).toBeGreaterThan(0);
    }
  });
});

describe("mapIndex", () => {
  it("clips at the ends and keeps zero in the middle", () => {
    expect([-9, -1, 0, 1, 9].map(mapIndex)).toEqual([0, 0, 256, MAP_SIZE - 1, MAP_SIZE - 1]);
    expect(mapPixels.value[mapIndex(0)]).toBe(0xfff6f5f2);
  });
});

describe("roundEnd", () => {
  it.each([
    [7.3, 8],
    [8, 8],
    [1.13, 1.2],
    [0.031, 0.04],
    [0.3, 0.3],
    [9.1, 10],
    [450, 500],
    [0, 1],
    [NaN, 1],
  ])("rounds %f up to %f", (value, end) => {
    expect(roundEnd(value)).toBe(end);
  });
});
