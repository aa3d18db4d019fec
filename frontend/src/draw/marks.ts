/** Draws the marks of instances in the blocks of the Classes tab. */

import { type Block, type Classes, markAt } from "../layout/classes";

export interface MarkStyle {
  colour: (index: number) => string;
  /** Opacity, 0.4 to 1. */
  strength: (index: number) => number;
}

const DIM = 0.38;

/**
 * Draws the marks of blocks in a context that is translated by the scroll position. `lit` is one byte per instance;
 * null: nothing is dimmed. A mark of several instances is lit if one of them is.
 */
export function drawMarks(
  context: CanvasRenderingContext2D,
  classes: Classes,
  blocks: readonly Block[],
  style: MarkStyle,
  lit: Uint8Array | null,
): void {
  for (const block of blocks) {
    for (const side of ["right", "wrong"] as const) {
      const [indices, per] = [block[side], classes.per];
      for (let i = 0, mark = 0; i < indices.length; i += per, mark++) {
        const index = indices[i] as number;
        const { x, y } = markAt(classes, block, side, mark);
        let stands = !lit;
        for (let k = i; lit && !stands && k < indices.length && k < i + per; k++)
          stands = lit[indices[k] as number] === 1;
        context.globalAlpha = style.strength(index) * (stands ? 1 : DIM);
        context.fillStyle = style.colour(index);
        context.beginPath();
        context.roundRect(x, y, classes.mark, classes.mark, 1);
        context.fill();
      }
    }
  }
  context.globalAlpha = 1;
}

/** Whether a mark of the block is lit. */
export const isLit = ({ right, wrong }: Block, lit: Uint8Array): boolean =>
  [right, wrong].some((indices) => indices.some((index) => lit[index] === 1));

/** Opacity for a score, always high enough to recognize the colour. */
export function strengthOf(score: number, chance: number): number {
  if (!Number.isFinite(score)) return 1;
  return 0.45 + 0.55 * Math.max(0, Math.min(1, (score - chance) / (1 - chance || 1)));
}

/** The ring around a pinned mark, with a gap to its neighbours. */
export function drawMarkRing(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  size: number,
  colours: { ring: string; ground: string },
  dashed = false,
): void {
  const ring = (by: number, width: number, colour: string): void => {
    context.beginPath();
    context.roundRect(x - by, y - by, size + 2 * by, size + 2 * by, 2 + by / 2);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  };
  ring(1, dashed ? 3 : 4, colours.ground);
  if (dashed) context.setLineDash([2, 1.5]);
  ring(dashed ? 1.5 : 1.25, dashed ? 1.5 : 2, colours.ring);
  context.setLineDash([]);
}
