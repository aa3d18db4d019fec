/** The compared snapshot, in the order of the shown one's instances, so that one index means one instance in both. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { SnapshotRef } from "../api/source";
import type {
  Columns,
  InstanceDetail,
  LayerInfo,
  NeuronDetail,
  Projection,
  RowQuery,
  StepInfo,
  SubsetDetail,
} from "../api/types";
import { type Change, type Changes, changesBetween } from "../layout/changes";
import { classesBetween, inOrderOf, type Pairing, pairUp } from "../layout/pairing";
import { concepts } from "./concepts";
import { comparedSnapshot, comparedStep, currentSnapshot, step } from "./currentSnapshot";
import {
  activationAnswers,
  columnAnswers,
  columns,
  comparedHolds,
  type InstanceSubject,
  instances,
  neurons,
  rows,
  shownSnapshot,
  snapshot,
  subsets,
} from "./data";
import { perName, type Resource, resource } from "./loads";
import { partnerOf } from "./neuronPairs";
import { askedBy, type ProjectionQuery, projectionOf, projections } from "./projections";
import { alongRow, parseRowKey, type RowKey, rowKey } from "./rowKeys";
import { rowQuery } from "./rows";
import { tokenize } from "./tokenize";
import { type ColourBy, panel } from "./view";

/** Its instances, in its own order. */
export const comparedInstances = resource(() => comparedSnapshot.value, columnAnswers);

/** The names of the two, as short as tells them apart: the runs, or the steps of one run. */
export const sideNames: ReadonlySignal<readonly [string, string]> = computed(() => {
  const [here, there] = [currentSnapshot.value, comparedSnapshot.value];
  if (!here || !there) return ["", ""];
  return here.run === there.run ? [`step ${here.step}`, `step ${there.step}`] : [here.run, there.run];
});

/** What was logged at the two steps: accuracy and loss. */
export const sideSteps: ReadonlySignal<readonly [StepInfo | null, StepInfo | null]> = computed(() => [
  step.value,
  comparedStep.value,
]);

export interface Pairs extends Pairing {
  /** Of the compared snapshot, by the shown one's index. */
  columns: Columns;
}

const idType = (info: { columns: readonly { name: string; type: string }[] }): string | undefined =>
  info.columns.find(({ name }) => name === "id")?.type;

/** The instances of both, matched by id; null until both are read. */
export const pairs: ReadonlySignal<Pairs | null> = computed(() => {
  const [here, { value: there, query }] = [columns.value.value, comparedInstances.value];
  const [shown, other] = [snapshot.value.value, comparedHolds.value];
  if (!here || !there || !shown || !other || query?.run !== comparedSnapshot.value?.run) return null;
  // The number 5 and the text "5" are different ids.
  const pairing = pairUp(here.ids, idType(shown) === idType(other) ? there.ids : []);
  return {
    ...pairing,
    columns: inOrderOf(here, there, pairing, classesBetween(shown.class_names, other.class_names)),
  };
});

/** What became of each instance; null where there is nothing to tell it by. */
export const changes: ReadonlySignal<Changes | null> = computed(() => {
  const [both, here, shown] = [pairs.value, columns.value.value, snapshot.value.value];
  return both && here && shown ? changesBetween(shown.task, here, both.columns, both) : null;
});

export function changeOf(index: number): Change | null {
  const now = changes.value;
  return now?.groups[now.groupOf[index] ?? -1] ?? null;
}

/** The index of an instance in the compared snapshot; null where it did not keep it. */
export function comparedIndex(index: number): number | null {
  const other = pairs.value?.indexOf[index] ?? -1;
  return other < 0 ? null : other;
}

export const comparedLayer = (name: string): LayerInfo | undefined =>
  comparedHolds.value?.layers.find((layer) => layer.name === name);

/**
 * Its projection, turned to fit the shown one, in its own order. A t-SNE is fitted to a t-SNE: it is computed when the
 * shown one is there.
 */
export const comparedProjectionOf: (layer: string) => Resource<ProjectionQuery, Projection> = perName((layer) =>
  resource((): ProjectionQuery | null => {
    const [there, like] = [comparedSnapshot.value, shownSnapshot.value];
    if (!there || !like || !comparedLayer(layer)) return null;
    const wanted = panel(layer).method.value;
    const along = alongRow(wanted);
    if (along !== null && !isRowThere(along)) return null;
    const shown = wanted === "tsne" && projectionOf(layer).value;
    const late = shown && (shown.status !== "ready" || shown.value?.method !== "tsne");
    return { ...there, layer, ...askedBy(late ? "pca" : wanted), like };
  }, projections),
);

/** The activation of a neuron's partner on its instances, in their own order; the name is "INDEX LAYER". */
const comparedActivationOf = perName((name) =>
  resource(() => {
    const [, neuron, layer = ""] = /^(\d+) (.*)$/s.exec(name) ?? [];
    const [there, partner] = [comparedSnapshot.value, partnerOf(layer, Number(neuron))];
    return there && partner !== null && partner < (comparedLayer(layer)?.neurons ?? 0)
      ? { ...there, layer, neuron: partner }
      : null;
  }, activationAnswers),
);

/** The direction there of the row that the points of a layer are coloured by. */
const comparedConceptOf = perName((layer) =>
  resource(() => {
    const [there, key] = [comparedSnapshot.value, alongRow(panel(layer).colour.value)];
    return there && key !== null && isRowThere(key) && comparedLayer(layer)
      ? { ...there, layer, row: rowQuery(parseRowKey(key)!) }
      : null;
  }, concepts),
);

/** What its instances are coloured by, in their own order, where that is a neuron or a direction; undefined: neither. */
export function comparedValues(colour: ColourBy, layer: string): Float32Array | null | undefined {
  if (colour.startsWith("neuron:")) return comparedActivationOf(colour.slice(7)).value.value;
  return alongRow(colour) === null ? undefined : (comparedConceptOf(layer).value.value?.values ?? null);
}

/** The detail of one instance in one layer of it; `subject` names the instance by the shown snapshot's index. */
export function comparedInstanceOf(
  subject: () => InstanceSubject | null,
): Resource<SnapshotRef & InstanceSubject, InstanceDetail> {
  return resource(() => {
    const [there, wanted] = [comparedSnapshot.value, subject()];
    const index = wanted && comparedIndex(wanted.index);
    return there && wanted && index !== null && comparedLayer(wanted.layer) ? { ...there, ...wanted, index } : null;
  }, instances);
}

/** Whether it has a row: a subset that it declares too, or an expression over columns that it has. */
export function isRowThere(key: RowKey): boolean {
  const [row, here, there] = [parseRowKey(key), snapshot.value.value, comparedHolds.value];
  if (!row || !here || !there || row.kind === "instance") return false;
  if (row.kind === "subset") return there.subsets.some(({ name }) => name === row.name);
  const own = new Set(there.columns.map(({ name }) => name));
  const missing = here.columns.filter(({ name }) => !own.has(name)).map(({ name }) => name);
  const words = tokenize(row.expression).map(({ kind, text }) => (kind === "string" ? text.slice(1, -1) : text));
  return !words.some((word) => missing.includes(word));
}

/** A subset and the rest in one layer of it. */
export function comparedSubsetOf(
  subject: () => { layer: string; key: RowKey } | null,
): Resource<SnapshotRef & { layer: string; row: RowQuery }, SubsetDetail> {
  return resource(() => {
    const [there, wanted] = [comparedSnapshot.value, subject()];
    const row = wanted && parseRowKey(wanted.key);
    return there && wanted && row && isRowThere(wanted.key) && comparedLayer(wanted.layer)
      ? { ...there, layer: wanted.layer, row: rowQuery(row) }
      : null;
  }, subsets);
}

/** A neuron's partner in it, over those of the shown rows that it has. */
export function comparedNeuronOf(
  subject: () => { layer: string; neuron: number } | null,
): Resource<SnapshotRef & { layer: string; neuron: number; rows: RowQuery[] }, NeuronDetail> {
  return resource(() => {
    const [there, wanted] = [comparedSnapshot.value, subject()];
    const neuron = wanted && partnerOf(wanted.layer, wanted.neuron);
    if (!there || !wanted || neuron === null || neuron >= (comparedLayer(wanted.layer)?.neurons ?? 0)) return null;
    const its = rows.value.filter((row) => isRowThere(rowKey(row)));
    return { ...there, layer: wanted.layer, neuron, rows: its.map(rowQuery) };
  }, neurons);
}
