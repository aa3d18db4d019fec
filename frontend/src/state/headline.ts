/** The most important things to say about a snapshot, at most two: errors first, then neurons that do nothing. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { LayerInfo } from "../api/types";
import { type Apart, apart } from "./apart";
import { type ConfusionCounts, confusionCounts } from "./confusion";
import { currentSnapshot } from "./currentSnapshot";
import { columns, snapshot } from "./data";

export type Clause =
  /** `of`: instances of the label. `alike`: other pairs are taken for each other as often. */
  | { kind: "confusion"; label: number; prediction: number; count: number; of: number; alike: boolean }
  /** Two classes, and the first layer that tells them apart; see `Apart`. */
  | ({ kind: "apart" } & Apart)
  | { kind: "errors"; label: number; count: number; of: number }
  | { kind: "wrong"; count: number; of: number }
  | { kind: "miss"; index: number; label: number; prediction: number; mean: number }
  | { kind: "dead"; layer: string; count: number; of: number; never: boolean }
  | { kind: "plain"; instances: number; layers: number };

/** The largest cell off the diagonal; null where every prediction is right. */
export function mainConfusion({ classes, counts, totals }: ConfusionCounts): Clause | null {
  let [best, alike] = [-1, false];
  for (const [cell, count] of counts.entries()) {
    if (Math.floor(cell / classes) === cell % classes || count === 0) continue;
    if (best < 0 || count > counts[best]!) [best, alike] = [cell, false];
    else if (count === counts[best]) alike = true;
  }
  if (best < 0) return null;
  const label = Math.floor(best / classes);
  return { kind: "confusion", label, prediction: best % classes, count: counts[best]!, of: totals[label]!, alike };
}

/** The class with most errors, of equally many the one with the largest share; null without errors. */
export function mostErrors({ classes, counts, totals }: ConfusionCounts): (Clause & { kind: "errors" }) | null {
  let most: (Clause & { kind: "errors" }) | null = null;
  for (let label = 0; label < classes; label++) {
    const [of, count] = [totals[label]!, totals[label]! - counts[label * (classes + 1)]!];
    if (count > 0 && (!most || count > most.count || (count === most.count && of < most.of)))
      most = { kind: "errors", label, count, of };
  }
  return most;
}

/** The layer with the largest share of neurons that are zero, or never above it, for all instances seen. */
export function deadNeurons(layers: readonly LayerInfo[]): Clause | null {
  let most: (Clause & { kind: "dead" }) | null = null;
  for (const { name, neurons, warnings } of layers) {
    const count = Math.max(warnings.never_above_zero, warnings.all_zero);
    if (count > 0 && (!most || count / neurons > most.count / most.of))
      most = { kind: "dead", layer: name, count, of: neurons, never: warnings.never_above_zero >= warnings.all_zero };
  }
  return most;
}

/** The instance whose prediction is furthest from its number, with the mean distance of all. */
export function largestMiss(label: ArrayLike<number>, prediction: ArrayLike<number>, size: number): Clause | null {
  let [best, sum, known] = [-1, 0, 0];
  const off = (index: number): number => Math.abs((prediction[index] as number) - (label[index] as number));
  for (let index = 0; index < Math.min(size, label.length); index++) {
    if (!Number.isFinite(off(index))) continue;
    sum += off(index);
    known++;
    if (best < 0 || off(index) > off(best)) best = index;
  }
  if (best < 0) return null;
  return {
    kind: "miss",
    index: best,
    label: label[best] as number,
    prediction: prediction[best] as number,
    mean: sum / known,
  };
}

/** The main confusion; null where there is none, or nothing that says what is right. */
export const confusionClause: ReadonlySignal<Clause | null> = computed(() => {
  const [counts, known] = [confusionCounts.value, columns.value.value];
  return counts && known?.correct.some((value) => value !== 255) ? mainConfusion(counts) : null;
});

/** By which layer the confused classes are apart; undefined until it is known for the snapshot that is shown. */
function apartClause(confusion: Clause & { kind: "confusion" }): Clause | null | undefined {
  const [said, now] = [apart.value, currentSnapshot.value];
  if (!said) return said;
  const isOfThis =
    said.run === now?.run &&
    said.step === now.step &&
    said.label === confusion.label &&
    said.prediction === confusion.prediction;
  return isOfThis ? { kind: "apart", ...said } : undefined;
}

/** Null until the instances are loaded. */
export const headline: ReadonlySignal<readonly Clause[] | null> = computed(() => {
  const [shown, known] = [snapshot.value.value, columns.value.value];
  if (!shown || !known) return null;
  const clauses: (Clause | null)[] = [];
  const counts = confusionCounts.value;
  if (counts && known.correct.some((value) => value !== 255)) {
    const [confusion, errors] = [confusionClause.value, mostErrors(counts)];
    clauses.push(confusion ?? { kind: "wrong", count: 0, of: counts.totals.reduce((sum, n) => sum + n, 0) });
    if (confusion?.kind === "confusion") {
      const next = apartClause(confusion);
      // The second sentence waits for it, rather than change before the reader's eyes.
      if (next === undefined) return clauses.filter((clause) => clause !== null);
      clauses.push(next, errors && errors.label !== confusion.label ? errors : null);
    }
  } else if (shown.task === "regression") clauses.push(largestMiss(known.label, known.prediction, shown.sample_size));
  else if (known.correct.some((value) => value !== 255)) {
    const judged = known.correct.subarray(0, shown.sample_size).filter((value) => value !== 255);
    clauses.push({ kind: "wrong", count: judged.filter((value) => value === 0).length, of: judged.length });
  }
  clauses.push(deadNeurons(shown.layers));
  const said = clauses.filter((clause) => clause !== null).slice(0, 2);
  return said.length > 0 ? said : [{ kind: "plain", instances: shown.sample_size, layers: shown.layers.length }];
});
