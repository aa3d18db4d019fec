/** The diverging colour map of the matrices and scales: zero is the background, blue is more, brown is less. */

import { computed, type ReadonlySignal } from "@preact/signals";
import { hexToRgb, type Lab, labToRgb, mix, rgbToLab } from "./oklab";
import { type Theme, theme } from "./theme";

/**
 * Colours at -1, -0.5, 0, 0.5 and 1. Zero is the background, blue is more, brown is less; data without negative values
 * use the positive half.
 */
const STOPS: Record<Theme, readonly string[]> = {
  light: ["#5f2e11", "#8e5830", "#b7895e", "#dabe9e", "#f2f5f6", "#93c8ea", "#5095cd", "#2661a3", "#13316d"],
  dark: ["#f6e7c3", "#d5ab70", "#aa733e", "#70472f", "#24282e", "#2f5579", "#2e8bb7", "#60c2de", "#bff3f9"],
};

export const MAP_SIZE = 513;
export const MAP_ZERO = 256;

const build = (stops: readonly string[]): [number, number, number][] => {
  const labs = stops.map((hex) => rgbToLab(hexToRgb(hex)));
  return Array.from({ length: MAP_SIZE }, (_, i) => {
    const place = (i / (MAP_SIZE - 1)) * (labs.length - 1);
    const below = Math.min(Math.floor(place), labs.length - 2);
    return labToRgb(mix(labs[below] as Lab, labs[below + 1] as Lab, place - below));
  });
};

const MAPS: Record<Theme, [number, number, number][]> = { light: build(STOPS.light), dark: build(STOPS.dark) };
const pixels = (map: [number, number, number][]): Uint32Array =>
  Uint32Array.from(map, ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0);
const PIXELS: Record<Theme, Uint32Array> = { light: pixels(MAPS.light), dark: pixels(MAPS.dark) };

/** Index into the tables for a value in -1..1; values beyond are clipped. */
export function mapIndex(value: number): number {
  return MAP_ZERO + Math.round(Math.max(-1, Math.min(1, value)) * (MAP_SIZE - 1 - MAP_ZERO));
}

/** The theme's map as ImageData pixels (little-endian RGBA), MAP_SIZE long; see mapIndex. */
export const mapPixels: ReadonlySignal<Uint32Array> = computed(() => PIXELS[theme.value]);

export function mapColour(value: number, now: Theme = theme.value): string {
  const [r = 0, g = 0, b = 0] = MAPS[now][mapIndex(value)] ?? [];
  return `rgb(${r}, ${g}, ${b})`;
}

/** CSS gradient for legends, from -1 (signed) or 0 to 1. */
export function mapGradient(signed: boolean, now: Theme = theme.value): string {
  const from = signed ? -1 : 0;
  const stops = Array.from({ length: 17 }, (_, i) => mapColour(from + (i / 16) * (1 - from), now));
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/** Rounds the end of a scale up to 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 times a power of ten. */
export function roundEnd(value: number): number {
  if (!(value > 0) || !Number.isFinite(value)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const lead = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8].find((step) => step * power >= value * (1 - 1e-9)) ?? 10;
  return Number((lead * power).toPrecision(3));
}
