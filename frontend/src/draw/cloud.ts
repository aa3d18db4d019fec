import type { Placing, Sheet, Style } from "./points";

/**
 * Very many points: what lies on a pixel is counted first and blended once, so that a million cost a few times what ten thousand do. Where points
 * lie on each other, the pixel has the mean of their colours; none is the uppermost.
 */

/** Per pixel how many points, and the sums of their reds, greens and blues. */
let counted = new Int32Array(0);
/** The same, each point spread over its disc; a point's share is the logarithm of what it lets through. */
let spread = new Float32Array(0);

/** Blends the instances for which `chosen` is 1 (null: all) and whose colour is not 0. Places are rounded to whole pixels. */
export function cloud(
  { pixels, width, height }: Sheet, xy: Float32Array, { x0, y0, scale }: Placing, colours: Uint32Array, { radius, alpha }: Style, chosen: Uint8Array | null,
): void {
  const reach = Math.ceil(radius);
  // Discs at the edge reach over it: the sheet has a margin here.
  const [w, h] = [width + 4 * reach, height + 4 * reach];
  if (counted.length === 4 * w * h) {
    counted.fill(0);
    spread.fill(0);
  } else [counted, spread] = [new Int32Array(4 * w * h), new Float32Array(4 * w * h)];
  // With a sign whole numbers are the fast ones.
  const bits = new Int32Array(colours.buffer, colours.byteOffset, colours.length);
  const [left, top] = [x0 + 2 * reach, y0 + 2 * reach];
  for (let row = 0; row < xy.length >> 1; row++) {
    if (chosen && chosen[row] !== 1) continue;
    const colour = bits[row] as number;
    const x = left + (xy[2 * row] as number) * scale;
    const y = top - (xy[2 * row + 1] as number) * scale;
    if (colour === 0 || !(x >= reach && y >= reach && x < w - reach && y < h - reach)) continue;
    const at = 4 * ((y | 0) * w + (x | 0));
    counted[at]!++;
    counted[at + 1]! += colour & 255;
    counted[at + 2]! += (colour >>> 8) & 255;
    counted[at + 3]! += (colour >>> 16) & 255;
  }
  const steps: number[] = [];
  const shares: number[] = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const share = Math.min(0.98, alpha * Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(dx, dy))));
      if (share > 0) [steps[steps.length], shares[shares.length]] = [4 * (dy * w + dx), -Math.log(1 - share)];
    }
  }
  for (let from = 0; from < counted.length; from += 4) {
    const n = counted[from] as number;
    if (n === 0) continue;
    const [red, green, blue] = [counted[from + 1] as number, counted[from + 2] as number, counted[from + 3] as number];
    for (let k = 0; k < steps.length; k++) {
      const at = from + (steps[k] as number);
      const share = shares[k] as number;
      spread[at]! += share * n;
      spread[at + 1]! += share * red;
      spread[at + 2]! += share * green;
      spread[at + 3]! += share * blue;
    }
  }
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to++) {
      const from = 4 * ((y + 2 * reach) * w + x + 2 * reach);
      const n = spread[from] as number;
      if (n === 0) continue;
      const through = Math.exp(-n);
      const under = pixels[to] as number;
      const channel = (k: number): number => ((1 - through) * (spread[from + k] as number)) / n + through * ((under >>> (8 * k - 8)) & 255) + 0.5;
      pixels[to] = ((255 << 24) | (channel(3) << 16) | (channel(2) << 8) | channel(1)) >>> 0;
    }
  }
}
