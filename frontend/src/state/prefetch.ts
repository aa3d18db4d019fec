/** Requests the data of the first picture before its views are rendered. */

import { effect } from "@preact/signals";
import { columns, graph, projectionOf, snapshot, strips } from "./data";
import { openLayers } from "./derived";
import { matrixOf } from "./matrices";

/**
 * Requests what the open views will need, without waiting for them to be rendered. Returns a function that stops it.
 */
export function prefetch(): () => void {
  return effect(() => {
    // Reading is enough: a resource makes its request while somebody reads it.
    void [snapshot.value, columns.value, graph.value, strips.value];
    for (const layer of openLayers.value) void [matrixOf(layer).value, projectionOf(layer).value];
  });
}
