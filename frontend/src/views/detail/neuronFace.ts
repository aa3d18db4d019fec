/** What the drawer shows of a neuron: where in the input it responds, or its values. */

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { comparedSnapshot } from "../../state/currentSnapshot";
import { hasPositions, type NeuronRef, positionsOf } from "../../state/positions";
import { neuronFace, selection } from "../../state/view";
import type { Paint } from "../controls/PaintedPicture";
import { head } from "./headFace";
import { subject } from "./subject";

/** The drawer's neuron, where it was recorded where it responds; a comparison shows values only. */
const located: ReadonlySignal<NeuronRef | null> = computed(() => {
  const item = subject.value?.item;
  return item?.kind === "neuron" && hasPositions(item.layer) && !comparedSnapshot.value ? item : null;
});

/** Whether the neuron has both faces. */
export const hasFaces: ReadonlySignal<boolean> = computed(() => located.value !== null || head.value !== null);
export const face = computed(() => (hasFaces.value ? neuronFace.value : "values"));
export const neuronPositions = positionsOf(() => (face.value === "where" && !head.value ? located.value : null));

/** What is drawn over pictures; which end of the activations is listed. */
export const chosenPaint = signal<Paint>("overlay");
export const chosenEnd = signal<"most" | "least">("most");

/** The neuron that an instance in the drawer is painted by: the one that was last selected or chosen; null: none was. */
export const chosenPainter = signal<NeuronRef | "none" | null>(null);

effect(() => {
  const selected = selection.value;
  if (selected?.kind === "neuron" && hasPositions(selected.layer)) chosenPainter.value = selected;
});
