import { describe, expect, it } from "vitest";
import { CLASSES } from "../../src/draw/classes";
import { hexToRgb, rgbToLab } from "../../src/draw/oklab";
import { TOKENS } from "../../src/draw/theme";

/** Linear sRGB seen with full protanopia and deuteranopia (Machado, Oliveira, Fernandes, 2009). */
const VISIONS: Record<string, number[][]> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

const linear = (hex: string): number[] =>
  hexToRgb(hex).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
const times = (matrix: number[][], vector: number[]): number[] =>
  matrix.map((row) => row.reduce((sum, value, i) => sum + value * vector[i]!, 0));

/** CIELAB of linear sRGB, D65. */
function cielab(rgb: number[]): [number, number, number] {
  const xyz = times(
    [
      [0.4124564, 0.3575761, 0.1804375],
      [0.2126729, 0.7151522, 0.072175],
      [0.0193339, 0.119192, 0.9503041],
    ],
    rgb.map((c) => Math.min(1, Math.max(0, c))),
  );
  const [x, y, z] = xyz.map((value, i) => {
    const t = value / [0.95047, 1, 1.08883][i]!;
    return t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116;
  }) as [number, number, number];
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const degrees = (radians: number): number => (radians * 180) / Math.PI;
const cos = (angle: number): number => Math.cos((angle * Math.PI) / 180);
const sin = (angle: number): number => Math.sin((angle * Math.PI) / 180);

/** CIEDE2000, after Sharma, Wu, Dalal, 2005. */
function difference([l1, a1, b1]: number[], [l2, a2, b2]: number[]): number {
  const mean = (Math.hypot(a1!, b1!) + Math.hypot(a2!, b2!)) / 2;
  const g = 0.5 * (1 - Math.sqrt(mean ** 7 / (mean ** 7 + 25 ** 7)));
  const [p1, p2] = [(1 + g) * a1!, (1 + g) * a2!];
  const [c1, c2] = [Math.hypot(p1, b1!), Math.hypot(p2, b2!)];
  const hue = (b: number, p: number): number => (b === 0 && p === 0 ? 0 : (degrees(Math.atan2(b, p)) + 360) % 360);
  const [h1, h2] = [hue(b1!, p1), hue(b2!, p2)];
  let dh = c1 * c2 === 0 ? 0 : h2 - h1;
  if (dh > 180) dh -= 360;
  else if (dh < -180) dh += 360;
  const dH = 2 * Math.sqrt(c1 * c2) * sin(dh / 2);
  const [l, c] = [(l1! + l2!) / 2, (c1 + c2) / 2];
  const sum = h1 + h2;
  const h = c1 * c2 === 0 ? sum : Math.abs(h1 - h2) <= 180 ? sum / 2 : (sum < 360 ? sum + 360 : sum - 360) / 2;
  const t = 1 - 0.17 * cos(h - 30) + 0.24 * cos(2 * h) + 0.32 * cos(3 * h + 6) - 0.2 * cos(4 * h - 63);
  const sl = 1 + (0.015 * (l - 50) ** 2) / Math.sqrt(20 + (l - 50) ** 2);
  const [sc, sh] = [1 + 0.045 * c, 1 + 0.015 * c * t];
  const turn = -sin(60 * Math.exp(-(((h - 275) / 25) ** 2))) * 2 * Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7));
  const [x, y, z] = [(l2! - l1!) / sl, (c2 - c1) / sc, dH / sh];
  return Math.sqrt(x * x + y * y + z * z + turn * y * z);
}

const luminance = (hex: string): number => times([[0.2126, 0.7152, 0.0722]], linear(hex))[0]!;
const contrast = (a: string, b: string): number => {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
};

describe("the colours of classes", () => {
  it("are measured by the published formula", () => {
    // Pairs 1, 7, 13 and 25 of Sharma's test data.
    expect(difference([50, 2.6772, -79.7751], [50, 0, -82.7485])).toBeCloseTo(2.0425, 4);
    expect(difference([50, 0, 0], [50, -1, 2])).toBeCloseTo(2.3669, 4);
    expect(difference([50, 2.49, -0.001], [50, -2.49, 0.0009])).toBeCloseTo(7.1792, 4);
    expect(difference([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387])).toBeCloseTo(1.2644, 4);
  });

  it.each(["light", "dark"] as const)("are told apart among the first ten, whatever one sees: %s", (theme) => {
    for (const [vision, matrix] of Object.entries(VISIONS)) {
      const seen = CLASSES[theme].slice(0, 10).map((hex) => cielab(times(matrix, linear(hex))));
      const smallest = Math.min(...seen.flatMap((a, i) => seen.slice(0, i).map((b) => difference(a, b))));
      expect(smallest, vision).toBeGreaterThanOrEqual(12);
    }
  });

  it("have the same hue in light and dark", () => {
    CLASSES.light.forEach((hex, i) => {
      const [one, other] = [hex, CLASSES.dark[i]!].map((own) => {
        const [, a, b] = rgbToLab(hexToRgb(own));
        return degrees(Math.atan2(b, a));
      }) as [number, number];
      const apart = Math.abs(one - other) % 360;
      expect(Math.min(apart, 360 - apart), `${hex} and ${CLASSES.dark[i]}`).toBeLessThan(6);
    });
  });

  it.each(["light", "dark"] as const)("stand out from the page and are all different: %s", (theme) => {
    expect(new Set(CLASSES[theme]).size).toBe(20);
    for (const hex of CLASSES[theme].slice(0, 10))
      for (const ground of [TOKENS[theme].background, TOKENS[theme].fill])
        expect(contrast(hex, ground), `${hex} on ${ground}`).toBeGreaterThan(2.9);
  });
});
