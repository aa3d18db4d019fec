import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { RowKey } from "./rowKeys";

/**
 * The one hover. Hovering a cell is hovering its row and its neuron; a class anywhere is the row of its subset; an
 * instance anywhere is `instance`. `layer` says whose neuron it is.
 */
export interface Hover {
  row?: RowKey;
  layer?: string;
  neuron?: number;
  instance?: number;
}

export const hover = signal<Hover>({});
/** Apart from the rest: from neuron to neuron the instance stays, and what draws instances need not be drawn again. */
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
