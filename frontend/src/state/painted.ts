/** Maps of the instances in sight, of the neuron that they are painted by. */

import { signal } from "@preact/signals";
import type { CellScale } from "../api/types";
import type { ValuedMap } from "../layout/instanceMaps";
import { instanceMapsOf, paintingNeuron } from "./positions";

/** The most that the server answers at once. */
const MOST = 256;

/** How many views show each instance. */
const inSight = new Map<number, number>();
const wanted = signal<number[]>([]);
let pending = false;

/** Says that an instance is in sight. Returns a function to call when it is no more. */
export function show(index: number): () => void {
  inSight.set(index, (inSight.get(index) ?? 0) + 1);
  settle();
  return () => {
    const count = (inSight.get(index) ?? 1) - 1;
    if (count > 0) inSight.set(index, count);
    else inSight.delete(index);
    settle();
  };
}

/** One request for all that come into sight together. */
function settle(): void {
  if (pending) return;
  pending = true;
  queueMicrotask(() => {
    pending = false;
    wanted.value = [...inSight.keys()].slice(0, MOST).sort((a, b) => a - b);
  });
}

const maps = instanceMapsOf(() => {
  const neuron = paintingNeuron.value;
  return neuron && { layer: neuron.layer, neuron: neuron.neuron, indices: wanted.value };
});

export interface Painted {
  map: ValuedMap;
  sizes: readonly number[];
  scale: CellScale;
}

/** What an instance is painted with; null while that is not known. An older answer stays while the next one loads. */
export function paintedOf(index: number): Painted | null {
  const [{ value, query }, neuron] = [maps.value, paintingNeuron.value];
  const map = value?.maps.get(index);
  if (!value || !map || query?.layer !== neuron?.layer || query?.neuron !== neuron?.neuron) return null;
  return { map, sizes: value.sizes, scale: value.scale };
}
