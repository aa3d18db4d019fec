/** What of the graph's nodes is different in the run that is compared. */

import { signal } from "@preact/signals";
import type { NodeChange } from "../layout/graphChanges";

const NONE: ReadonlyMap<string, NodeChange> = new Map();

/** By the key of the node; empty where there is nothing to show. */
export const nodeChanges = signal<ReadonlyMap<string, NodeChange>>(NONE);
