/** The drawer's head of attention, and the pinned instance that its pattern is of. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { attentionOf, type HeadQuery, isHeads } from "../../state/attention";
import { comparedSnapshot } from "../../state/currentSnapshot";
import { neuronFace } from "../../state/view";
import { subject } from "./subject";

/** Index of a pinned instance; null: the first one. */
export const chosenInstance = signal<number | null>(null);

export const head: ReadonlySignal<HeadQuery | null> = computed(() => {
  const item = subject.value?.item;
  if (item?.kind !== "neuron" || !isHeads(item.layer) || comparedSnapshot.value) return null;
  const index = chosenInstance.value;
  return { layer: item.layer, head: item.neuron, ...(index === null ? {} : { index }) };
});

export const headAttention = attentionOf(() => (neuronFace.value === "where" ? head.value : null));
