/** Pictures that take long are drawn in turn, so that however many there are, each frame is a short one. */

/** Milliseconds of a frame after which the next picture waits for the next frame. */
const ENOUGH = 8;

/** By canvas, or by what else is made. */
const waiting = new Map<object, () => void>();
let last: object | undefined;
let next = 0; // number of the frame asked for; 0: none

/**
 * Draws a canvas in the next frame, or in one of those after it; what was still to be drawn on it is forgotten. The one
 * under the pointer goes before the others.
 */
export function inTurn(canvas: object, work: () => void): void {
  waiting.set(canvas, work);
  if (next === 0) next = requestAnimationFrame(frame);
}

/** What was still to be drawn on a canvas is forgotten, and this done at once. */
export function outOfTurn(canvas: object, work: () => void): void {
  waiting.delete(canvas);
  work();
}

function frame(): void {
  const until = performance.now() + ENOUGH;
  do {
    const canvases = [...waiting.keys()];
    // Where one is drawn again and again, the others' turn comes in between.
    last =
      canvases.find((canvas) => canvas !== last && (canvas as Partial<Element>).parentElement?.matches(":hover")) ??
      canvases[0];
    const work = last && waiting.get(last);
    if (last) waiting.delete(last);
    work?.();
  } while (waiting.size > 0 && performance.now() < until);
  next = waiting.size > 0 ? requestAnimationFrame(frame) : 0;
}
