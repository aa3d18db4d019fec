/** Follows the size of an element. */

/**
 * Calls `measure` soon, and whenever the element's size changes; `content` is the box within its padding. Returns a
 * function that stops it.
 */
export function followSize<E extends Element>(
  element: E | null,
  measure: (element: E, content: DOMRectReadOnly) => void,
): () => void {
  const observer = new ResizeObserver(([entry]) => element && entry && measure(element, entry.contentRect));
  if (element) observer.observe(element);
  return () => observer.disconnect();
}
