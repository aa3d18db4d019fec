/** Draws very large scatter plots: counts the points of each pixel, then blends each pixel once. */

import type { Placing, Sheet, Style } from "./points";

/** Number of points per pixel, and the sums of their red, green and blue. */
let counted = new Int32Array(0);

/**
 * Draws very many points: counts the points of each pixel first and blends once per pixel, so that a million points
 * cost a few times as much as ten thousand. Overlapping points get the mean of their colours. Same parameters as
 * `splat`; positions are rounded to whole pixels.
 */
export function cloud(
  { pixels, width, height }: Sheet,
  xy: Float32Array,
  { x0, y0, scale }: Placing,
  colours: Uint32Array,
  { radius, alpha }: Style,
  included: Uint8Array | null,
): void {
  // A margin for discs that extend over the edge.
  const reach = Math.ceil(radius);
  const [w, h] = [width + 2 * reach, height + 2 * reach];
  if (counted.length === 4 * w * h) counted.fill(0);
  else counted = new Int32Array(4 * w * h);
  // Signed integers are the fast ones.
  const bits = new Int32Array(colours.buffer, colours.byteOffset, colours.length);
  for (let index = 0; index < bits.length; index++) {
    if (included && included[index] !== 1) continue;
    const colour = bits[index] as number;
    const x = x0 + reach + (xy[2 * index] as number) * scale;
    const y = y0 + reach - (xy[2 * index + 1] as number) * scale;
    if (colour === 0 || !(x >= 0 && y >= 0 && x < w && y < h)) continue;
    const at = 4 * ((y | 0) * w + (x | 0));
    counted[at]!++;
    counted[at + 1]! += colour & 255;
    counted[at + 2]! += (colour >>> 8) & 255;
    counted[at + 3]! += (colour >>> 16) & 255;
  }
  // A point's weight in the pixels around it, as the logarithm of the transmitted light, so that weights add up.
  const steps: number[] = [];
  const shares: number[] = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const covered = Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(dx, dy)));
      if (covered === 0) continue;
      steps.push(4 * (dy * w + dx));
      shares.push(-Math.log(1 - Math.min(0.98, alpha * covered)));
    }
  }
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to++) {
      const middle = 4 * ((y + reach) * w + x + reach);
      let n = 0;
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let k = 0; k < steps.length; k++) {
        const at = middle + (steps[k] as number);
        const share = shares[k] as number;
        n += share * (counted[at] as number);
        red += share * (counted[at + 1] as number);
        green += share * (counted[at + 2] as number);
        blue += share * (counted[at + 3] as number);
      }
      if (n === 0) continue;
      const through = Math.exp(-n);
      const own = (1 - through) / n;
      const under = pixels[to] as number;
      pixels[to] =
        (0xff000000 |
          mixed(red * own, through * (under & 255), 0) |
          mixed(green * own, through * ((under >>> 8) & 255), 8) |
          mixed(blue * own, through * ((under >>> 16) & 255), 16)) >>>
        0;
    }
  }
}

const mixed = (own: number, under: number, shift: number): number => (own + under + 0.5) << shift;
