/** Labels against predictions over the sample: counts, and what a cell is called and selects. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { Columns, Snapshot } from "../api/types";
import { arrow } from "../draw/format";
import { type CellHit, confusion, indicesIn } from "../layout/confusion";
import { pick, pickWhere } from "./actions";
import { columns, snapshot } from "./data";
import { labelName, subsetsByName } from "./derived";

export interface ConfusionCounts {
  classes: number;
  /** [classes, classes]: label, then prediction. */
  counts: Int32Array;
  /** Instances per label. */
  totals: Int32Array;
}

export const confusionCounts: ReadonlySignal<ConfusionCounts | null> = computed(() =>
  countConfusion(columns.value.value, snapshot.value.value),
);

/** Of instances of any step; null where there are no classes. */
export function countConfusion(known: Columns | null, shown: Snapshot | null): ConfusionCounts | null {
  if (!known || !shown || shown.task !== "classification") return null;
  let classes = shown.class_names.length;
  for (const value of known.label) if (value >= classes) classes = value + 1;
  const counts = confusion(known.label.subarray(0, shown.sample_size), known.prediction, classes);
  const totals = new Int32Array(classes);
  for (const [cell, value] of counts.entries()) totals[Math.floor(cell / classes)]! += value;
  return { classes, counts, totals };
}

/** The expression for "predicted as this class", from that of the class, which quotes its name correctly. */
export function predictedAs(expression: string): string {
  return expression.replace(/^label\b/, "prediction");
}

export function cellName({ label, prediction }: CellHit): string {
  if (prediction === null) return `label ${labelName(label ?? -1)}`;
  return label === null ? `predicted ${labelName(prediction)}` : arrow(labelName(label), labelName(prediction));
}

/** The expression of a cell, row or column, composed of those of the classes; null where a class has none. */
export function cellExpression({ label, prediction }: CellHit): string | null {
  const ofClass = (index: number): string | null => {
    const subset = subsetsByName.value.get(labelName(index));
    return subset?.kind === "class" ? subset.expression || null : null;
  };
  const labelled = label === null ? "" : ofClass(label);
  const predicted = prediction === null ? "" : ofClass(prediction);
  if (labelled === null || predicted === null) return null;
  return [labelled, predicted && predictedAs(predicted)].filter(Boolean).join(" and ");
}

/** Picks the instances of a cell, row or column. */
export function pickCell(hit: CellHit): void {
  const known = columns.peek().value;
  if (!known) return;
  const expression = cellExpression(hit);
  if (expression) pickWhere(expression, cellName(hit));
  else pick({ name: cellName(hit), indices: indicesIn(known.label, known.prediction, hit) });
}
