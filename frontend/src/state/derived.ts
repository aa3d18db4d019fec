/**
 * What is shown, derived from the user's choices (view.ts) and the data: open layers, names, pinned instances, notices.
 */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { LayerInfo, SubsetInfo, Task } from "../api/types";
import { alignedFormat } from "../draw/format";
import { inTwoParts, sharedLetters, shortNames, typedName } from "../layout/names";
import { visibleToken } from "../layout/textWindow";
import { idExpression } from "./buildExpression";
import { comparedSnapshot, run, runs, step, steps } from "./currentSnapshot";
import { availableRows, columns, graph, layers, rows, snapshot } from "./data";
import { hover } from "./hover";
import { instanceKey, parseRowKey, type Row, type RowKey, rowKey } from "./rowKeys";
import type { Sort } from "./rows";
import { typedRow } from "./typed";
import {
  chosenDetailLayer,
  chosenLayers,
  chosenRows,
  chosenRun,
  chosenSort,
  chosenStep,
  compare,
  type Scale,
  scale,
  selection,
} from "./view";

/** Layers with a panel, in the order of the model. By default the last two, which fill the pane. */
export const openLayers: ReadonlySignal<string[]> = computed(() => {
  const layerNames = [...layers.value.keys()];
  const userLayers = chosenLayers.value;
  if (userLayers === null) return layerNames.slice(-2);
  return layerNames.filter((name) => userLayers.includes(name));
});

/** The layer of the drawer: chosen, else the last open one before the outputs. */
export const detailLayer: ReadonlySignal<string | null> = computed(() => {
  const selected = selection.value;
  const chosenLayer = selected?.kind === "neuron" ? selected.layer : chosenDetailLayer.value;
  if (chosenLayer !== null && layers.value.has(chosenLayer)) return chosenLayer;
  // What the outputs say is in the scores; why, is in the layer before them.
  const isHidden = (name: string): boolean => !outputLayers.value.has(name);
  const [open, all] = [openLayers.value, [...layers.value.keys()]];
  return open.findLast(isHidden) ?? open.at(-1) ?? all.findLast(isHidden) ?? all.at(-1) ?? null;
});

/** Types of layers that hand every neuron on in its place. */
const ELEMENTWISE = /softmax|sigmoid|identity|dropout|activation/i;

/**
 * The layers whose neurons are the classes: the last one where it has as many neurons as there are classes, and those
 * before it that it only scales.
 */
export const outputLayers: ReadonlySignal<ReadonlySet<string>> = computed(() => {
  const shown = snapshot.value.value;
  const classes = shown?.class_names.length ?? 0;
  const names = new Set<string>();
  if (!shown || classes < 2 || hasNumericLabels(shown.task) || shown.task === "none") return names;
  for (const { name, neurons } of shown.layers.toReversed()) {
    if (neurons !== classes) break;
    names.add(name);
    if (!ELEMENTWISE.test(nodeTypes.value.get(name) ?? "")) break;
  }
  return names;
});

const nodeTypes = computed(() => new Map(graph.value.value?.nodes.map(({ key, type }) => [key, type])));

/** The class of an output layer's neuron; null elsewhere. */
export const classOfNeuron = (layer: string, neuron: number): string | null =>
  outputLayers.value.has(layer) ? (snapshot.value.value?.class_names[neuron] ?? null) : null;

/** "Neuron 23"; of an output layer "Output for cat". */
export function neuronName(layer: string, neuron: number): string {
  const own = classOfNeuron(layer, neuron);
  return own === null ? `Neuron ${neuron}` : `Output for ${own}`;
}

/** The rule that the neurons are sorted by: clusters by default, which need two rows. */
export const sort: ReadonlySignal<Sort> = computed(
  () => chosenSort.value ?? { by: rows.value.length > 1 ? "clustered" : "index" },
);

/** The rows A and B, whose difference is asked for; A alone is the row that the neurons are sorted by. */
export const letters: ReadonlySignal<{ a: RowKey | null; b: RowKey | null }> = computed(() => {
  const rule = sort.value;
  if (rule.by === "difference") return { a: rule.a, b: rule.b };
  return { a: "a" in rule ? rule.a : null, b: null };
});

/** The scale in effect. "auto" is raw for the model's last layer and a z-score over the rows for the others. */
export function scaleOf(layer: LayerInfo): Exclude<Scale, "auto"> {
  if (scale.value !== "auto") return scale.value;
  // A z-score needs three rows: with one it is 0, with two it is always the same.
  const subsets = rows.value.length - pinned.value.length;
  if ((subsets > 1 ? subsets : rows.value.length) < 3) return "raw";
  return [...layers.value.keys()].at(-1) === layer.name ? "raw" : "z";
}

/** The instances that are rows, in order. */
export const pinned: ReadonlySignal<number[]> = computed(() =>
  rows.value.flatMap((row) => (row.kind === "instance" ? [row.index] : [])),
);

export const subsetsByName: ReadonlySignal<Map<string, SubsetInfo>> = computed(
  () => new Map((snapshot.value.value?.subsets ?? []).map((subset) => [subset.name, subset])),
);

/** Class index of a row that is a class; -1 for other rows. */
export function classOfRow(key: RowKey): number {
  const row = parseRowKey(key);
  if (row?.kind !== "subset" || subsetsByName.value.get(row.name)?.kind !== "class") return -1;
  return snapshot.value.value?.class_names.indexOf(row.name) ?? -1;
}

/** Whether labels are numbers. */
export const hasNumericLabels = (task: Task | undefined): boolean => task === "regression" || task === "ranking";

/** Whether an instance has several labels, which a list of classes cannot represent. */
export const hasSeveralLabels = (task: Task | undefined): boolean =>
  task === "multilabel" || (task === "tokens" && !hasVocabulary.value);

/** Whether the instances are tokens whose labels are tokens: a vocabulary, which is no set of classes. */
export const hasVocabulary: ReadonlySignal<boolean> = computed(
  () => snapshot.value.value?.task === "tokens" && snapshot.value.value.unit === "position",
);

/** What an instance is, as a noun: "token" and "place" are positions of a text and of an image. */
export const noun: ReadonlySignal<string> = computed(() => {
  const shown = snapshot.value.value;
  if (shown?.unit !== "position") return "instance";
  return shown.content === "text" ? "token" : shown.content === "image" ? "place" : "position";
});

/** Letters of a name of a class or row where many stand together. */
const [SHORT_CLASS, SHORT_ROW] = [18, 24];

const shortClasses = computed(() => shortNames(snapshot.value.value?.class_names ?? [], SHORT_CLASS));

/** The name of a class as short as lists have room for. */
export const shortOf = (name: string): string => shortClasses.value.get(name) ?? name;

const shortRows = computed(() => shortNames(rows.value.map(rowName), SHORT_ROW));

/** The name of a row, likewise. */
export const shortName = (key: RowKey): string => {
  const name = nameOf(key);
  return shortRows.value.get(name) ?? name;
};

/** The name of a layer; a module whose name is a number has its type with it. */
export const layerTitle = (layer: string): string => typedName(layer, nodeTypes.value.get(layer));

const sharedTitles = computed(() => sharedLetters(Array.from(layers.value.keys(), layerTitle)));

/** The same in two parts, the first of which gives way where there is no room. */
export const layerParts = (layer: string): [string, string] =>
  inTwoParts(layerTitle(layer), sharedTitles.value.get(layerTitle(layer)) ?? 0);

const target = computed(() => alignedFormat(columns.value.value?.label ?? []));

/** Name of a class, or the number itself where there are no classes; "–" for none. `words`: of a vocabulary. */
export function labelName(value: number | undefined, words = columns.value.value?.names): string {
  const shown = snapshot.value.value;
  if (value === undefined || Number.isNaN(value)) return "–";
  if (hasNumericLabels(shown?.task)) return target.value(value);
  if (value < 0) return "–";
  if (hasVocabulary.value) return visibleToken(words?.[value] ?? String(value));
  return shown?.class_names[value] ?? String(value);
}

/** Whether the user logged this instance by name: it is always part of the sample, and of no statistic. */
export const isPinnedInstance = (index: number): boolean => index >= (snapshot.value.value?.sample_size ?? Infinity);

/** Name of an instance: "#814", or its id if that is not a number; pinned ones are marked. */
export function instanceName(index: number): string {
  const id = columns.value.value?.ids[index];
  if (id === undefined) return `index ${index}`;
  if (isPinnedInstance(index)) return `pinned ${id.replace(/^(-|pinned |probe )(?=\d+$)/, "")}`;
  return /^\d+$/.test(id) ? `#${id}` : id;
}

export function rowName(row: Row): string {
  switch (row.kind) {
    case "subset":
      return row.name;
    case "expression":
      return row.name ?? row.expression;
    case "instance":
      return instanceName(row.index);
  }
}

const names = computed(() => new Map(rows.value.map((row) => [rowKey(row), rowName(row)])));

/** Name of a row, also of one that is still drawn but no longer among the rows. */
export function nameOf(key: RowKey): string {
  if (key === typedRow.value) return "typed";
  const row = names.value.has(key) ? null : parseRowKey(key);
  return row ? rowName(row) : (names.value.get(key) ?? key);
}

/** The hovered row, which may be a hovered instance. */
export const hoveredRow: ReadonlySignal<RowKey | null> = computed(() => {
  const { row, instance } = hover.value;
  return row ?? (instance === undefined ? null : instanceKey(instance));
});

/** Messages about what a link or the user chose and what does not exist (any more). */
export const notices: ReadonlySignal<string[]> = computed(() => {
  const messages: string[] = [];
  const shown = snapshot.value.value;
  if (chosenRun.value !== null && run.value && run.value.name !== chosenRun.value)
    messages.push(
      `There is no run “${chosenRun.value}” with activations; this is ${run.value.name}.`,
      ...(runs.value?.runs.find(({ name }) => name === chosenRun.value)?.problems ?? []),
    );
  else if (chosenStep.value !== null && step.value && step.value.step !== chosenStep.value)
    messages.push(`There is no step ${chosenStep.value}; this is the nearest, ${step.value.step}.`);
  const newest = steps.value.at(-1);
  if (chosenStep.value === null && newest?.problem && step.value !== newest)
    messages.push(`Step ${newest.step} cannot be shown; this is step ${step.value?.step}. ${newest.problem}`);
  if (compare.value !== null && runs.value && !comparedSnapshot.value)
    messages.push(`There is no run “${compare.value.run}” with activations to compare with.`);
  if (!shown) return messages;
  const missingLayers = chosenLayers.value?.filter((name) => !layers.value.has(name)) ?? [];
  if (missingLayers.length > 0) messages.push(`Not recorded at this step: ${missingLayers.join(", ")}.`);
  const shownKeys = new Set(rows.value.map(rowKey));
  const availableKeys = new Set(availableRows.value.map(rowKey));
  const missingRows = chosenRows.value?.filter((row) => !availableKeys.has(rowKey(row))) ?? [];
  const [rule, selectedItem] = [sort.value, selection.value];
  if (("a" in rule && !shownKeys.has(rule.a)) || ("b" in rule && !shownKeys.has(rule.b)))
    messages.push("The neurons are in index order: the row they were sorted by is not shown here.");
  if (selectedItem?.kind === "instance" && selectedItem.index >= shown.sample_size + shown.pinned)
    messages.push(`There is no instance with the index ${selectedItem.index} here.`);
  if (missingRows.length > 0) messages.push(`These rows do not exist here: ${missingRows.map(rowName).join(", ")}.`);
  return messages;
});

/** The expression of a row; null for a subset that has none. */
export function expressionOf(key: RowKey): string | null {
  const row = parseRowKey(key);
  if (row?.kind === "expression") return row.expression;
  if (row?.kind === "subset") return subsetsByName.value.get(row.name)?.expression || null;
  const id = row && columns.value.value?.ids[row.index];
  return id == null
    ? null
    : idExpression([id], [], snapshot.value.value?.columns.find(({ name }) => name === "id")?.type === "number");
}
