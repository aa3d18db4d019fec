/** Places a tooltip beside its anchor, within the window, without covering what should stay visible. */

/** A rectangle in viewport pixels. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

const GAP = 8;

/** Left and top for a tooltip of `size`. `avoid` are the hovered row and column; a diagonal position avoids both. */
export function placeBeside(
  anchor: Box,
  size: { width: number; height: number },
  view: Box,
  avoid: readonly Box[] = [],
): { left: number; top: number } {
  const { width, height } = size;
  const xs = {
    before: anchor.left - width - GAP,
    middle: anchor.left + anchor.width / 2 - width / 2,
    after: anchor.left + anchor.width + GAP,
  };
  const ys = {
    before: anchor.top - height - GAP,
    middle: anchor.top + anchor.height / 2 - height / 2,
    after: anchor.top + anchor.height + GAP,
  };
  const within = (x: number, low: number, span: number, own: number): number =>
    Math.max(low + 4, Math.min(x, low + span - own - 4));
  const slide = within(xs.middle, view.left, view.width, width);
  const places: [number, number][] = [
    [slide, ys.before],
    [slide, ys.after],
    [xs.before, ys.before],
    [xs.after, ys.before],
    [xs.before, ys.after],
    [xs.after, ys.after],
    [xs.after, ys.middle],
    [xs.before, ys.middle],
  ];
  const cost = (box: Box): number => {
    const inside = overlap(box, view);
    const outside = width * height - inside;
    return 1000 * outside + [anchor, ...avoid].reduce((sum, other) => sum + overlap(box, other), 0);
  };
  let best: { left: number; top: number; cost: number } | null = null;
  for (const [left, top] of places) {
    const now = cost({ left, top, width, height });
    if (!best || now < best.cost - 0.5) best = { left, top, cost: now };
  }
  const { left = 0, top = 0 } = best ?? {};
  return { left: within(left, view.left, view.width, width), top: within(top, view.top, view.height, height) };
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}
