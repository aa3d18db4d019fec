/** Requests the data of the first picture before its views are rendered. */

import { effect, signal } from "@preact/signals";
import { apart } from "./apart";
import { loadCode } from "./code";
import { columns, graph, snapshot, strips } from "./data";
import { openLayers } from "./derived";
import { matrixOf } from "./matrices";
import { projectionOf } from "./projections";

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

/** Whether the data of the first picture are there: what is said besides may be loaded and asked for. */
export const isPictured = signal(false);

/**
 * Loads and starts what asks how far classes are apart, once the data of the first picture are there: it takes the
 * server some time. Returns a function that stops it.
 */
export function followSeparationLater(): () => void {
  let stop = effect(() => {
    const loads = [snapshot, columns, strips, ...openLayers.value.map(matrixOf)].map(({ value }) => value.status);
    if (openLayers.value.length === 0 || loads.some((status) => status === "idle" || status === "pending")) return;
    isPictured.value = true;
    queueMicrotask(start);
  });
  let begun = false;
  const start = async (): Promise<void> => {
    if (begun) return;
    begun = true;
    stop();
    try {
      const { followSeparation } = await loadCode(() => import("./separations"));
      stop = followSeparation();
    } catch {
      // There is no ladder then; what else the headline has to say, it says.
      apart.value = null;
    }
  };
  return () => stop();
}
