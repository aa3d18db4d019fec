import { computed, type ReadonlySignal } from "@preact/signals";
import type { LayerInfo, SubsetInfo, Task } from "../api/types";
import { alike } from "../draw/format";
import { idExpression } from "./buildExpression";
import { columns, layers, rows, rowsThere, snapshot } from "./data";
import { hover } from "./hover";
import { compareAt, run, runs, step, steps } from "./place";
import { instanceKey, parseRowKey, type Row, type RowKey, rowKey } from "./rowKeys";
import {
  chosenDetailLayer,
  chosenLayers,
  chosenRows,
  chosenRun,
  chosenStep,
  compare,
  type Scale,
  scale,
  selection,
  sort,
} from "./view";

/** What is shown, derived from what was chosen and what there is. */

/** Layers with a panel, in the order of the model. At first the last two, so that the first picture is full. */
export const openLayers: ReadonlySignal<string[]> = computed(() => {
  const there = [...layers.value.keys()];
  const chosen = chosenLayers.value;
  if (chosen === null) return there.slice(-2);
  return there.filter((name) => chosen.includes(name));
});

/** The layer that the drawer looks at. */
export const detailLayer: ReadonlySignal<string | null> = computed(() => {
  const chosen = selection.value;
  const wanted = chosen?.kind === "neuron" ? chosen.layer : chosenDetailLayer.value;
  if (wanted !== null && layers.value.has(wanted)) return wanted;
  return openLayers.value.at(-1) ?? [...layers.value.keys()].at(-1) ?? null;
});

/** The scale in effect: by itself raw for the model's last layer, a z-score over the rows for the others. */
export function scaleOf(layer: LayerInfo): Exclude<Scale, "auto"> {
  if (scale.value !== "auto") return scale.value;
  // One row does not deviate from itself, and two always by as much.
  const subsets = rows.value.length - pinned.value.length;
  if ((subsets > 1 ? subsets : rows.value.length) < 3) return "raw";
  return [...layers.value.keys()].at(-1) === layer.name ? "raw" : "z";
}

/** Rows of single instances, in their order. */
export const pinned: ReadonlySignal<number[]> = computed(() =>
  rows.value.flatMap((row) => (row.kind === "instance" ? [row.row] : [])),
);

export const subsetsByName: ReadonlySignal<Map<string, SubsetInfo>> = computed(
  () => new Map((snapshot.value.value?.subsets ?? []).map((subset) => [subset.name, subset])),
);

/** Index of the class whose subset this is; -1 for other rows. */
export function classOfRow(key: RowKey): number {
  const row = parseRowKey(key);
  if (row?.kind !== "subset" || subsetsByName.value.get(row.name)?.kind !== "class") return -1;
  return snapshot.value.value?.class_names.indexOf(row.name) ?? -1;
}

/** Whether labels are numbers. */
export const numeric = (task: Task | undefined): boolean => task === "regression" || task === "ranking";

/** Whether an instance has several labels, which no list of classes can hold. */
export const several = (task: Task | undefined): boolean => task === "multilabel" || task === "tokens";

const target = computed(() => alike(columns.value.value?.label ?? []));

/** Name of a class, or the number itself where there are no classes; "–" for none. */
export function labelName(value: number | undefined): string {
  const shown = snapshot.value.value;
  if (value === undefined || Number.isNaN(value)) return "–";
  if (numeric(shown?.task)) return target.value(value);
  return value < 0 ? "–" : (shown?.class_names[value] ?? String(value));
}

/** Whether the user asked for this very instance: it is always kept, and in no statistic. */
export const isProbe = (row: number): boolean => row >= (snapshot.value.value?.kept ?? Infinity);

/** What an instance is called: "#814", or its id when that is a text; a probe is said to be one. */
export function instanceName(row: number): string {
  const id = columns.value.value?.ids[row];
  if (id === undefined) return `row ${row}`;
  if (isProbe(row)) return `probe ${id.replace(/^(-|probe )(?=\d+$)/, "")}`;
  return /^\d+$/.test(id) ? `#${id}` : id;
}

export function rowName(row: Row): string {
  switch (row.kind) {
    case "subset":
      return row.name;
    case "expression":
      return row.name ?? row.expression;
    case "instance":
      return instanceName(row.row);
  }
}

const names = computed(() => new Map(rows.value.map((row) => [rowKey(row), rowName(row)])));

/** What a row is called, also one of an old picture that is no longer among the rows. */
export function nameOf(key: RowKey): string {
  const row = names.value.has(key) ? null : parseRowKey(key);
  return row ? rowName(row) : (names.value.get(key) ?? key);
}

/** Whether the row, neuron or instance is hovered; instances are hovered as rows and as points alike. */
export const hoveredRow: ReadonlySignal<RowKey | null> = computed(() => {
  const { row, instance } = hover.value;
  return row ?? (instance === undefined ? null : instanceKey(instance));
});

/** What a link asked for that is not there (any more): said, not hidden. */
export const notices: ReadonlySignal<string[]> = computed(() => {
  const said: string[] = [];
  const shown = snapshot.value.value;
  if (chosenRun.value !== null && run.value && run.value.name !== chosenRun.value)
    said.push(
      `There is no run “${chosenRun.value}” with activations; this is ${run.value.name}.`,
      ...(runs.value?.runs.find(({ name }) => name === chosenRun.value)?.problems ?? []),
    );
  else if (chosenStep.value !== null && step.value && step.value.step !== chosenStep.value)
    said.push(`There is no step ${chosenStep.value}; this is the nearest, ${step.value.step}.`);
  const newest = steps.value.at(-1);
  if (chosenStep.value === null && newest?.problem && step.value !== newest)
    said.push(`Step ${newest.step} cannot be shown, this is step ${step.value?.step}. ${newest.problem}`);
  if (compare.value !== null && runs.value && !compareAt.value)
    said.push(`There is no run “${compare.value.run}” with activations to compare with.`);
  if (!shown) return said;
  const lost = chosenLayers.value?.filter((name) => !layers.value.has(name)) ?? [];
  if (lost.length > 0) said.push(`Not recorded at this step: ${lost.join(", ")}.`);
  const kept = new Set(rows.value.map(rowKey));
  const there = new Set(rowsThere.value.map(rowKey));
  const gone = chosenRows.value?.filter((row) => !there.has(rowKey(row))) ?? [];
  const [rule, what] = [sort.value, selection.value];
  if ((rule.by === "row" && !kept.has(rule.a)) || (rule.by === "difference" && !(kept.has(rule.a) && kept.has(rule.b))))
    said.push("The neurons stand by their index: what they were sorted by is not here.");
  if (what?.kind === "instance" && what.row >= shown.kept + shown.probes)
    said.push(`There is no instance in row ${what.row} here.`);
  if (gone.length > 0) said.push(`Rows that are not here: ${gone.map(rowName).join(", ")}.`);
  return said;
});

/** What a row is in the expression language; null for a subset that nobody can write down. */
export function expressionOf(key: RowKey): string | null {
  const row = parseRowKey(key);
  if (row?.kind === "expression") return row.expression;
  if (row?.kind === "subset") return subsetsByName.value.get(row.name)?.expression || null;
  const id = row && columns.value.value?.ids[row.row];
  return id == null
    ? null
    : idExpression([id], [], snapshot.value.value?.columns.find(({ name }) => name === "id")?.type === "number");
}
