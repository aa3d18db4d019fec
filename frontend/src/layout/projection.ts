/** Maps positions of a projection to pixels of the plot and back, with zoom and pan. Both axes have the same scale. */

export interface Bounds {
  left: number;
  right: number;
  low: number;
  high: number;
}

/** Scale 1 and centre (0, 0) show everything; the centre is in units of half the picture. */
export interface Zoom {
  scale: number;
  x: number;
  y: number;
}

export const WHOLE: Zoom = { scale: 1, x: 0, y: 0 };

/** px = x0 + x * scale, py = y0 - y * scale. */
export interface Frame {
  x0: number;
  y0: number;
  scale: number;
  width: number;
  height: number;
}

const PAD = 14;
const CLOSEST = 400;

/** Bounding box of all finite positions; a box of size 1 around a single one. `xy` is [instances, 2]. */
export function boundsOf(xy: Float32Array): Bounds {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i + 1 < xy.length; i += 2) {
    const [x, y] = [xy[i] as number, xy[i + 1] as number];
    if (!(Math.abs(x) < Infinity && Math.abs(y) < Infinity)) continue;
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < low) low = y;
    if (y > high) high = y;
  }
  if (left > right) return { left: -0.5, right: 0.5, low: -0.5, high: 0.5 };
  if (left === right && low === high) return { left: left - 0.5, right: right + 0.5, low: low - 0.5, high: high + 0.5 };
  return { left, right, low, high };
}

export const aroundBoth = (a: Bounds, b: Bounds): Bounds => ({
  left: Math.min(a.left, b.left),
  right: Math.max(a.right, b.right),
  low: Math.min(a.low, b.low),
  high: Math.max(a.high, b.high),
});

export function frameOf(bounds: Bounds, width: number, height: number, zoom: Zoom): Frame {
  const [w, h] = [Math.max(1, width - 2 * PAD), Math.max(1, height - 2 * PAD)];
  const whole = Math.min(
    w / Math.max(1e-12, bounds.right - bounds.left),
    h / Math.max(1e-12, bounds.high - bounds.low),
  );
  const scale = whole * zoom.scale;
  return {
    x0: (width / 2) * (1 - zoom.x * zoom.scale) - ((bounds.left + bounds.right) / 2) * scale,
    y0: (height / 2) * (1 - zoom.y * zoom.scale) + ((bounds.low + bounds.high) / 2) * scale,
    scale,
    width,
    height,
  };
}

export const toPlace = (frame: Frame, px: number, py: number): [number, number] => [
  (px - frame.x0) / frame.scale,
  (frame.y0 - py) / frame.scale,
];

/** Zooms by `factor` around the pixel (px, py), which stays in place as far as the bounds allow. */
export function zoomAt(zoom: Zoom, factor: number, px: number, py: number, width: number, height: number): Zoom {
  const scale = Math.max(1, Math.min(CLOSEST, zoom.scale * factor));
  const [u, v] = [px / (width / 2) - 1, py / (height / 2) - 1];
  return bounded({ scale, x: zoom.x + u / zoom.scale - u / scale, y: zoom.y + v / zoom.scale - v / scale });
}

/** Pans by (dx, dy) pixels. */
export function panBy(zoom: Zoom, dx: number, dy: number, width: number, height: number): Zoom {
  return bounded({
    scale: zoom.scale,
    x: zoom.x - dx / (width / 2) / zoom.scale,
    y: zoom.y - dy / (height / 2) / zoom.scale,
  });
}

/** Limits panning: the picture never leaves the plot. */
function bounded({ scale, x, y }: Zoom): Zoom {
  const reach = 1 - 1 / scale;
  const within = (value: number): number => Math.max(-reach, Math.min(reach, value)) + 0;
  return { scale, x: within(x), y: within(y) };
}

/** Interpolates from `from` to `to`, t in 0..1, into `out`. */
export function between(from: Float32Array, to: Float32Array, t: number, out: Float32Array): Float32Array {
  for (let i = 0; i < out.length; i++) out[i] = (from[i] as number) + ((to[i] as number) - (from[i] as number)) * t;
  return out;
}

export const betweenBounds = (a: Bounds, b: Bounds, t: number): Bounds => ({
  left: a.left + (b.left - a.left) * t,
  right: a.right + (b.right - a.right) * t,
  low: a.low + (b.low - a.low) * t,
  high: a.high + (b.high - a.high) * t,
});

/** Smooth start and end. */
export const ease = (t: number): number => (t < 0.5 ? 2 * t * t : 1 - (2 - 2 * t) ** 2 / 2);

/** Whether all finite positions are the same. */
export function isPoint(xy: Float32Array): boolean {
  let first = 0;
  while (first < xy.length && Number.isNaN(xy[first])) first += 2;
  for (let i = first + 2; i < xy.length; i++) if (xy[i] !== xy[first + (i & 1)] && !Number.isNaN(xy[i])) return false;
  return true;
}
