/** The hovered row, layer, neuron or instance, shared by all views. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { RowKey } from "./rowKeys";

/**
 * The hovered thing. A cell sets row and neuron, a class anywhere sets the row of its subset, an instance anywhere sets
 * `instance`. `layer` is the neuron's layer.
 */
export interface Hover {
  row?: RowKey;
  layer?: string;
  neuron?: number;
  instance?: number;
}

export const hover = signal<Hover>({});
/** A signal of its own: moving from neuron to neuron does not change it, so views of instances are not redrawn. */
export const hoveredInstance: ReadonlySignal<number | undefined> = computed(() => hover.value.instance);

export function setHover(next: Hover): void {
  const now = hover.peek();
  const same =
    now.row === next.row && now.layer === next.layer && now.neuron === next.neuron && now.instance === next.instance;
  if (!same) hover.value = next;
}

export function clearHover(): void {
  setHover({});
}

/** Handlers of an element that stands for something: the pointer or the focus on it hovers that. */
export const hovering = (what: Hover | null): Record<string, () => void> => {
  const enter = (): void => {
    if (what) setHover(what);
  };
  return { onPointerEnter: enter, onFocus: enter, onPointerLeave: clearHover, onBlur: clearHover };
};
