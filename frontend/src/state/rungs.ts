/** What the rows of the graph show at their right: a bar and a figure for each layer. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Box } from "../layout/tooltipPlace";

export interface Rung {
  /** Of the bar that is filled, 0 to 1. */
  fraction: number;
  /** Right of the bar, as short as "96%". */
  figure: string;
  /** Whether it is the one that the eye is to find. */
  bold: boolean;
  /** The figure in words, for the node's accessible name. */
  label: string;
}

const NONE: ReadonlyMap<string, Rung> = new Map();

/** How well each layer tells apart what is asked, by its name. */
export const ladder = signal<ReadonlyMap<string, Rung>>(NONE);

/** How far each layer moved between the two snapshots that are compared; null while none are. */
export const movedRungs = signal<ReadonlyMap<string, Rung> | null>(null);

/** Whether there is something to tell apart. */
export const isLadderAsked = signal(false);

/** The layer whose bar is pointed at; its row and the pane, in viewport pixels. */
export const pointedRung = signal<{ layer: string; row: Box; pane: Box } | null>(null);

/** By the name of the layer; empty where there is nothing to show. */
export const rungs: ReadonlySignal<ReadonlyMap<string, Rung>> = computed(() => movedRungs.value ?? ladder.value);
