/** By which layer the two classes of the main confusion are apart, for the headline. */

import { signal } from "@preact/signals";
import type { SnapshotRef } from "../api/source";

export interface Apart extends SnapshotRef {
  label: number;
  prediction: number;
  layer: string;
  /** Balanced, 0 to 1. */
  accuracy: number;
  /** How much more accurate the best layer after it is, 0 or more; null where it is the last one. */
  gain: number | null;
  /** Whether the accuracy is two standard errors above chance. */
  isAboveChance: boolean;
}

/** Undefined until it is known; null where it cannot be said. */
export const apart = signal<Apart | null | undefined>(undefined);
