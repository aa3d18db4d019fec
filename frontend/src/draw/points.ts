/** Draws scatter plots: blends antialiased points into little-endian RGBA pixels one by one. */

import { hexToRgb } from "./oklab";

/** Opaque pixel of a CSS colour, "#rrggbb" or "rgb(r, g, b)". */
export function packColour(css: string): number {
  const [r = 0, g = 0, b = 0] = css.startsWith("#") ? hexToRgb(css) : (css.match(/\d+/g) ?? []).map(Number);
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** Coverage of each pixel around a disc's centre, for 4 x 4 positions of the centre within a pixel. */
interface Kernel {
  reach: number;
  side: number;
  /** [16, side, side] in 0..256 */
  weights: Uint16Array;
}

const PLACES = 4;

export function kernelOf(radius: number, alpha: number): Kernel {
  // No centre is nearer to its pixel's edge than an eighth of a pixel.
  const reach = Math.max(1, Math.ceil(radius + 0.875) - 1);
  const side = 2 * reach + 1;
  const weights = new Uint16Array(PLACES * PLACES * side * side);
  for (let place = 0; place < PLACES * PLACES; place++) {
    const [mx, my] = [((place % PLACES) + 0.5) / PLACES, (Math.floor(place / PLACES) + 0.5) / PLACES];
    for (let k = 0; k < side * side; k++) {
      const distance = Math.hypot((k % side) - reach + 0.5 - mx, Math.floor(k / side) - reach + 0.5 - my);
      weights[place * side * side + k] = Math.round(256 * alpha * Math.max(0, Math.min(1, radius + 0.5 - distance)));
    }
  }
  return { reach, side, weights };
}

export interface Sheet {
  pixels: Uint32Array;
  width: number;
  height: number;
}

/** Blends a disc of `colour` around (px, py), in device pixels. */
function blend(
  { pixels, width, height }: Sheet,
  px: number,
  py: number,
  colour: number,
  { reach, side, weights }: Kernel,
): void {
  const [column, line] = [Math.floor(px), Math.floor(py)];
  const place = Math.floor((py - line) * PLACES) * PLACES + Math.floor((px - column) * PLACES);
  const [left, top] = [column - reach, line - reach];
  const [x0, x1] = [Math.max(0, -left), Math.min(side, width - left)];
  const [y0, y1] = [Math.max(0, -top), Math.min(side, height - top)];
  const red = colour & 0xff00ff;
  const green = colour & 0x00ff00;
  for (let y = y0; y < y1; y++) {
    let weight = place * side * side + y * side + x0;
    let at = (top + y) * width + left + x0;
    for (let x = x0; x < x1; x++, at++) {
      const w = weights[weight++] as number;
      if (w === 0) continue;
      const under = pixels[at] as number;
      // Two channels at once: the products do not overlap, and the sums stay below 2^32.
      const mixed =
        (((red * w + (under & 0xff00ff) * (256 - w)) >>> 8) & 0xff00ff) |
        (((green * w + (under & 0x00ff00) * (256 - w)) >>> 8) & 0x00ff00);
      pixels[at] = (mixed | 0xff000000) >>> 0;
    }
  }
}

export interface Style {
  /** In device pixels, like everything here. */
  radius: number;
  alpha: number;
  /** Width and colour of a ring that separates the point from what is below it. */
  halo?: { width: number; colour: number };
}

/** px = x0 + x * scale, py = y0 - y * scale, in device pixels. */
export interface Placing {
  x0: number;
  y0: number;
  scale: number;
}

/**
 * Blends the instances for which `included` is 1 (null: all) and whose colour is not 0, in order. `colours` has a pixel
 * per instance.
 */
export function splat(
  sheet: Sheet,
  xy: Float32Array,
  { x0, y0, scale }: Placing,
  colours: Uint32Array,
  style: Style,
  included: Uint8Array | null,
): void {
  const disc = kernelOf(style.radius, style.alpha);
  const around = style.halo && kernelOf(style.radius + style.halo.width, 1);
  const reach = style.radius + 2;
  // Often only one of many points is included: skip the others quickly.
  const end = included ? included.lastIndexOf(1) + 1 : xy.length >> 1;
  for (let index = included ? Math.max(0, included.indexOf(1)) : 0; index < end; index++) {
    if (included && included[index] !== 1) continue;
    const colour = colours[index] as number;
    if (colour === 0) continue;
    const px = x0 + (xy[2 * index] as number) * scale;
    const py = y0 - (xy[2 * index + 1] as number) * scale;
    if (!(px > -reach && py > -reach && px < sheet.width + reach && py < sheet.height + reach)) continue;
    if (around && style.halo) blend(sheet, px, py, style.halo.colour, around);
    blend(sheet, px, py, colour, disc);
  }
}
