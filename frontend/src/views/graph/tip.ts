import { signal } from "@preact/signals";

/** What the graph's tooltip says, and beside what. */
export const tip = signal<{ box: DOMRect; text: string } | null>(null);

export function showTip(element: Element, text: string): void {
  tip.value = { box: element.getBoundingClientRect(), text };
}

export function hideTip(): void {
  tip.value = null;
}
