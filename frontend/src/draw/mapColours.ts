/** Colours of a neuron's values in the input: grounds of tokens, overlays of images. */

import type { CellScale } from "../api/types";
import { mapColour, mapIndex, mapPixels } from "./colormap";
import { type Theme, theme } from "./theme";

/** How far tokens go on the colour map: their ink keeps a contrast of 4.5 : 1 on every ground. */
const TOKENS_END: Record<Theme, number> = { light: 0.5, dark: 0.4 };
/** Below this share of the scale a ground fades into the page, so that zero is the page itself. */
const FADES = 0.2;
/** How much an overlay covers at the end of the scale. */
const COVERS = 0.82;

/** A value as a share of the scale, -1..1; 0 for one that is not known, and below zero on a scale that has no such side. */
export function shareOf(value: number | undefined, { end, signed }: Pick<CellScale, "end" | "signed">): number {
  if (value === undefined || !Number.isFinite(value) || (!signed && value < 0)) return 0;
  return Math.max(-1, Math.min(1, value / end));
}

const clear = (colour: string, alpha: number): string =>
  alpha >= 1 ? colour : colour.replace("rgb(", "rgba(").replace(")", `, ${alpha.toFixed(3)})`);

/** The ground of a token, as CSS; transparent at zero. */
export function tokenGround(share: number, now: Theme = theme.value): string {
  return clear(mapColour(share * TOKENS_END[now], now), Math.min(1, Math.abs(share) / FADES));
}

/**
 * An overlay as the pixels of an image: the larger a value, the more of what lies below it covers. Values that are not
 * known cover nothing.
 */
export function overlayPixels(values: Float32Array, scale: Pick<CellScale, "end" | "signed">): Uint32Array {
  const colours = mapPixels.value;
  return Uint32Array.from(values, (value) => {
    const share = shareOf(value, scale);
    const alpha = Math.round(255 * COVERS * Math.sqrt(Math.abs(share)));
    return (((colours[mapIndex(share)] as number) & 0xffffff) | (alpha << 24)) >>> 0;
  });
}

/** CSS gradient of a legend, of tokens or of overlays. */
export function valueGradient(signed: boolean, tokens: boolean, now: Theme = theme.value): string {
  const from = signed ? -1 : 0;
  const stops = Array.from({ length: 17 }, (_, i) => from + (i / 16) * (1 - from));
  return `linear-gradient(to right, ${stops.map((at) => (tokens ? tokenGround(at, now) : mapColour(at, now))).join(", ")})`;
}
