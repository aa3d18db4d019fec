/** The step whose data are drawn. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { StepInfo } from "../api/types";
import { currentSnapshot, step, steps } from "./currentSnapshot";
import { snapshot } from "./data";
import { openLayers } from "./derived";
import { matrixOf } from "./matrices";

/** The step shown; where its data could not be had, the one whose picture is still there. */
export const drawnStep: ReadonlySignal<number | null> = computed(() => {
  const here = currentSnapshot.value;
  if (!here) return null;
  for (const { status, query } of [snapshot.value, ...openLayers.value.map((layer) => matrixOf(layer).value)])
    if (status === "failed" && query?.run === here.run && query.step !== here.step) return query.step;
  return here.step;
});

/** What is known of that step. */
export const shownStep: ReadonlySignal<StepInfo | null> = computed(
  () => steps.value.find((info) => info.step === drawnStep.value) ?? step.value,
);
