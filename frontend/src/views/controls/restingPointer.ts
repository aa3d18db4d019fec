/** Keeps the hover true when the picture changes below a pointer that rests: browsers send no event then. */

import { effect } from "@preact/signals";

/**
 * Sends the element a `pointermove` at the place where the pointer rests, one frame after what `picture` reads has
 * changed. Returns a function that stops it.
 */
export function followRestingPointer(element: HTMLElement, picture: () => unknown): () => void {
  let at: { clientX: number; clientY: number } | null = null;
  let frame = 0;
  const moved = (event: PointerEvent): void => {
    if (event.isTrusted) at = event.buttons === 0 ? { clientX: event.clientX, clientY: event.clientY } : null;
  };
  const again = (): void => {
    const target = at && document.elementFromPoint(at.clientX, at.clientY);
    if (at && target && element.contains(target))
      target.dispatchEvent(new PointerEvent("pointermove", { ...at, bubbles: true }));
  };
  const left = (): void => {
    at = null;
  };
  document.addEventListener("pointermove", moved, true);
  document.documentElement.addEventListener("pointerleave", left);
  const stop = effect(() => {
    picture();
    cancelAnimationFrame(frame);
    if (at) frame = requestAnimationFrame(again);
  });
  return () => {
    stop();
    cancelAnimationFrame(frame);
    document.removeEventListener("pointermove", moved, true);
    document.documentElement.removeEventListener("pointerleave", left);
  };
}
