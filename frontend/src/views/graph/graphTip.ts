/** The tooltip of the graph. */

import { signal } from "@preact/signals";

/** Text of the tooltip, and its anchor. */
export const tooltip = signal<{ box: DOMRect; text: string } | null>(null);

export function showTip(element: Element, text: string): void {
  tooltip.value = { box: element.getBoundingClientRect(), text };
}

export function hideTip(): void {
  tooltip.value = null;
}
