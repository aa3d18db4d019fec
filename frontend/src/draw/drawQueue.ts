/** Spreads slow drawing over several animation frames, so that each frame stays short. */

/** Time per frame, in milliseconds, after which the remaining work waits for the next frame. */
const FRAME_BUDGET_MS = 8;

/** Queued work, by canvas or another object that identifies it. */
const waiting = new Map<object, () => void>();
let lastDrawn: object | undefined;
let frameRequest = 0; // number of the frame asked for; 0: none

/**
 * Queues drawing for one of the next frames; replaces what is queued for the same canvas. The canvas under the pointer
 * goes first.
 */
export function queueDraw(canvas: object, work: () => void): void {
  waiting.set(canvas, work);
  if (frameRequest === 0) frameRequest = requestAnimationFrame(frame);
}

/** Draws at once, and drops what is queued for the canvas. */
export function drawNow(canvas: object, work: () => void): void {
  waiting.delete(canvas);
  work();
}

function frame(): void {
  const until = performance.now() + FRAME_BUDGET_MS;
  do {
    const canvases = [...waiting.keys()];
    // A canvas that is redrawn on every frame must not starve the others.
    lastDrawn =
      canvases.find(
        (canvas) => canvas !== lastDrawn && (canvas as Partial<Element>).parentElement?.matches(":hover"),
      ) ?? canvases[0];
    const work = lastDrawn && waiting.get(lastDrawn);
    if (lastDrawn) waiting.delete(lastDrawn);
    work?.();
  } while (waiting.size > 0 && performance.now() < until);
  frameRequest = waiting.size > 0 ? requestAnimationFrame(frame) : 0;
}
