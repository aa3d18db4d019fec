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
  neuronNamed,
  neurons,
  rows,
  shownSnapshot,
  snapshot,
  subsets,
} from "./data";
import { perName, type Requests, type Resource, resource } from "./loads";
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

/** Of it: `subject` names what is asked, of a layer; nothing where it has no such layer. */
const ofCompared = <S extends { layer: string }, T>(
  subject: () => S | null,
  requests: Requests<SnapshotRef & S, T>,
): Resource<SnapshotRef & S, T> =>
  resource(() => {
    const [there, asked] = [comparedSnapshot.value, subject()];
    return there && asked && comparedLayer(asked.layer) ? { ...there, ...asked } : null;
  }, requests);

/**
 * Its projection, turned to fit the shown one, in its own order. A t-SNE is fitted to a t-SNE: it is computed when the
 * shown one is there.
 */
export const comparedProjectionOf: (layer: string) => Resource<ProjectionQuery, Projection> = perName((layer) =>
  ofCompared((): Omit<ProjectionQuery, keyof SnapshotRef> | null => {
    const like = shownSnapshot.value;
    if (!like) return null;
    const wanted = panel(layer).method.value;
    const along = alongRow(wanted);
    if (along !== null && !isRowThere(along)) return null;
    const shown = wanted === "tsne" && projectionOf(layer).value;
    const late = shown && (shown.status !== "ready" || shown.value?.method !== "tsne");
    return { layer, ...askedBy(late ? "pca" : wanted), like };
  }, projections),
);

/** A neuron's partner; null where it has none. */
function partnerThere({ layer, neuron }: { layer: string; neuron: number }): { layer: string; neuron: number } | null {
  const partner = partnerOf(layer, neuron);
  return partner !== null && partner < (comparedLayer(layer)?.neurons ?? 0) ? { layer, neuron: partner } : null;
}

/** The activation of a neuron's partner on its instances, in their own order, by the neuron's name. */
const comparedActivationOf = perName((name) => ofCompared(() => partnerThere(neuronNamed(name)), activationAnswers));

/** The direction there of the row that the points of a layer are coloured by. */
const comparedConceptOf = perName((layer) =>
  ofCompared(() => {
    const key = alongRow(panel(layer).colour.value);
    return key !== null && isRowThere(key) ? { layer, row: rowQuery(parseRowKey(key)!) } : null;
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
  return ofCompared(() => {
    const wanted = subject();
    const index = wanted && comparedIndex(wanted.index);
    return wanted && index !== null ? { ...wanted, index } : null;
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
  return ofCompared(() => {
    const wanted = subject();
    const row = wanted && parseRowKey(wanted.key);
    return row && isRowThere(wanted.key) ? { layer: wanted.layer, row: rowQuery(row) } : null;
  }, subsets);
}

/** A neuron's partner in it, over those of the shown rows that it has. */
export function comparedNeuronOf(
  subject: () => { layer: string; neuron: number } | null,
): Resource<SnapshotRef & { layer: string; neuron: number; rows: RowQuery[] }, NeuronDetail> {
  return ofCompared(() => {
    const wanted = subject();
    const partner = wanted && partnerThere(wanted);
    return partner && { ...partner, rows: rows.value.filter((row) => isRowThere(rowKey(row))).map(rowQuery) };
  }, neurons);
}
