import { effect } from "@preact/signals";
import { openLayers } from "./chosen";
import { columns, graph, projectionOf, snapshot, strips } from "./data";
import { matrixOf } from "./matrices";

/**
 * Asks for what the open views will need as soon as it can be asked for, without waiting for them to be drawn. Returns
 * what stops it.
 */
export function askAhead(): () => void {
  return effect(() => {
    // Read for the reading's sake: a resource asks while somebody reads it.
    void [snapshot.value, columns.value, graph.value, strips.value];
    for (const layer of openLayers.value) void [matrixOf(layer).value, projectionOf(layer).value];
  });
}
