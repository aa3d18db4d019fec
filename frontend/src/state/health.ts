/** Training health of the run shown: layers over the steps of training, by one measure at a time. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Mark, TrainingHealth } from "../api/types";
import { integer } from "../draw/format";
import { run } from "./currentSnapshot";
import { currentSource, layers } from "./data";
import { Requests, type Resource, resource } from "./loads";
import { graphWidth } from "./panes";
import { chosenMeasure } from "./view";

interface HealthQuery {
  run: string;
  columns: number;
  /** The last step known: when there is more, it is asked for again. */
  last: number;
}

/** Pixels of the pane that are not the map's: names, figures, padding. */
export const BESIDE = 184;
/** Columns are asked for in multiples of these, so that dragging the pane's edge asks seldom. */
const COLUMNS = 60;

/** No column is narrower than a pixel. */
export const health: Resource<HealthQuery, TrainingHealth> = resource(
  () => {
    const now = run.value;
    const columns = Math.min(1980, Math.max(1, Math.floor((graphWidth.value - BESIDE) / COLUMNS)) * COLUMNS);
    return now && now.health !== null ? { run: now.name, columns, last: now.health } : null;
  },
  new Requests(({ run, columns }: HealthQuery, abort) => currentSource().health(run, columns, abort), 8),
);

/** The cell of the map that the pointer or the keyboard is on. */
export const pointedCell = signal<{ row: number; column: number } | null>(null);

/** The measure shown: the chosen one where it was measured. */
export const measure: ReadonlySignal<string> = computed(() => {
  const measures = health.value.value?.measures ?? [];
  return measures.find((name) => name === chosenMeasure.value) ?? measures[0] ?? "";
});

/** The recorded layer that a measured one is, or else the innermost one that it is part of; null: none. */
export function recordedLayer(layer: string): string | null {
  if (layers.value.has(layer)) return layer;
  let [best, longest] = [null as string | null, 0];
  for (const name of layers.value.keys()) {
    const module = name.split("/")[0]!;
    if (module.length > longest && layer.startsWith(`${module}.`)) [best, longest] = [name, module.length];
  }
  return best;
}

/** The values of a measure, row-major [layers, columns]. */
export function valuesOf({ measures, values, layers, steps }: TrainingHealth, name: string): Float32Array {
  const size = layers.length * steps.length;
  const at = Math.max(0, measures.indexOf(name)) * size;
  return values.subarray(at, at + size);
}

/** When a mark holds, in words. */
export function timeOf({ first, last }: Mark, lastOfAll: number): string {
  if (last === first) return `step ${integer(first)}`;
  return last >= lastOfAll ? `from step ${integer(first)}` : `steps ${integer(first)} to ${integer(last)}`;
}
