/** Groups the instances by class, by bin of the target, or by right and wrong, depending on the task. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Columns } from "../../api/types";
import { classColour } from "../../draw/classes";
import { mapColour, roundEnd } from "../../draw/colormap";
import { type MarkStyle, strengthOf } from "../../draw/marks";
import { type Bins, byClass, byTarget, type Group } from "../../layout/classes";
import { ranks } from "../../layout/ranks";
import { visibleToken } from "../../layout/textWindow";
import { columns, orderedClasses, snapshot } from "../../state/data";
import { hasNumericLabels, hasSeveralLabels, hasVocabulary } from "../../state/derived";

/** Groups of instances, depending on the task. */
export type Grouping =
  | {
      task: "classification";
      groups: Group[];
      names: string[];
      style: MarkStyle;
      right: number;
      wrong: number;
      judged: boolean;
    }
  | {
      task: "regression";
      groups: Group[];
      names: string[];
      style: MarkStyle;
      end: number;
      errors: Float32Array;
      bins: Bins;
    }
  | { task: "none"; style: MarkStyle };

/**
 * Signed errors of numeric labels: prediction minus label; for a ranking, the difference of the ranks as a share of
 * all.
 */
export const signedErrors: ReadonlySignal<Float32Array | null> = computed(() => {
  const [known, task] = [columns.value.value, snapshot.value.value?.task];
  if (!known || !hasNumericLabels(task)) return null;
  if (task === "regression")
    return Float32Array.from(known.label, (target, index) => (known.prediction[index] as number) - target);
  const [labelRanks, scoreRanks] = [ranks(known.label), ranks(known.score)];
  return scoreRanks.map((place, index) => place - (labelRanks[index] as number));
});

/** Groups of classes in the order of the rows. */
export const groupOrder: ReadonlySignal<readonly number[] | undefined> = computed(() => {
  const shown = snapshot.value.value;
  if (shown?.task !== "classification" || orderedClasses.value.length === 0) return undefined;
  const indices = new Map(shown.class_names.map((name, index) => [name, index]));
  return orderedClasses.value.flatMap(({ name }) => indices.get(name) ?? []);
});

/** At most so many labels have a group each, and so many values of a column; the others are together. */
const MOST = 20;

/** The columns by which tokens can be grouped: their label if there are few, and those with categories; the default first. */
export const groupColumns: ReadonlySignal<string[]> = computed(() => {
  const known = columns.value.value;
  if (!known || !hasVocabulary.value) return [];
  const categories = [...known.extra].flatMap(([name, { categories }]) => (categories ? [name] : []));
  const few = new Set(known.label).size <= MOST + 1 && known.label.some((label) => label >= 0);
  return [...(few ? ["label"] : []), ...categories.sort((a, b) => Number(b === "token") - Number(a === "token"))];
});

/** The column that the user groups by. */
export const chosenGroupColumn = signal<string | null>(null);

export const groupColumn: ReadonlySignal<string> = computed(
  () => groupColumns.value.find((name) => name === chosenGroupColumn.value) ?? groupColumns.value[0] ?? "",
);

/** The most frequent values of a column as groups, then the rest of them; tokens without a label, if others have one, are the last. */
function byColumn(known: Columns, sampled: number, judged: boolean): { groups: Group[]; names: string[] } {
  const extra = known.extra.get(groupColumn.value);
  const values = (groupColumn.value === "label" ? known.label : extra?.values)?.subarray(0, sampled);
  const names = groupColumn.value === "label" ? known.names : (extra?.categories ?? []);
  const counts = names.map(() => 0);
  for (const value of values ?? []) if (value >= 0) counts[value]!++;
  const frequent = counts
    .map((_, value) => value)
    .filter((value) => counts[value]! > 0)
    .sort((a, b) => counts[b]! - counts[a]!)
    .slice(0, MOST);
  const places = new Map(frequent.map((value, place) => [value, place]));
  const placed = Int32Array.from({ length: sampled }, (_, index) =>
    judged && known.correct[index] === 255 ? -1 : (places.get(values?.[index] ?? -1) ?? frequent.length),
  );
  const others = counts.filter((count) => count > 0).length - frequent.length;
  return {
    groups: byClass(placed, known.correct, known.score, frequent.length + 1),
    names: [...frequent.map((value) => visibleToken(names[value]!)), others > 0 ? `${others} others` : "–", "–"],
  };
}

export const grouping: ReadonlySignal<Grouping | null> = computed(() => {
  const [known, shown] = [columns.value.value, snapshot.value.value];
  if (!known || !shown) return null;
  if (hasNumericLabels(shown.task)) {
    const errors = signedErrors.value!;
    const sizes = errors.filter(Number.isFinite).map(Math.abs).sort();
    const end = roundEnd(sizes[Math.floor(0.99 * (sizes.length - 1))] ?? 1);
    const bins = byTarget(known.label.subarray(0, shown.sample_size), errors);
    // Near zero the map has the colour of the background: keep marks visible.
    const colour = (index: number): string => {
      const share = (errors[index] as number) / end;
      return Number.isNaN(share) ? classColour(-1) : mapColour(share < 0 ? -0.12 + 0.88 * share : 0.12 + 0.88 * share);
    };
    return {
      task: "regression",
      groups: bins.groups,
      names: bins.groups.map(
        (_, i) => `${text(bins.edges[i])}${(bins.edges[i] as number) < 0 ? " to " : "–"}${text(bins.edges[i + 1])}`,
      ),
      end,
      errors,
      bins,
      style: { colour, strength: () => 1 },
    };
  }
  const chance = 1 / Math.max(2, shown.class_names.length);
  const baseStyle: MarkStyle = {
    colour: (index) => classColour(known.prediction[index] as number),
    strength: (index) => strengthOf(known.score[index] as number, chance),
  };
  if (shown.task === "none") return { task: "none", style: baseStyle };
  const judged = known.correct.some((value) => value !== 255);
  if (hasVocabulary.value) {
    const { groups, names } = byColumn(known, shown.sample_size, judged);
    return {
      task: "classification",
      groups,
      names,
      style: { ...baseStyle, colour: () => classColour(-1) },
      ...sides(groups, judged ? names.length - 1 : Infinity),
      judged,
    };
  }
  if (hasSeveralLabels(shown.task)) {
    const groups = byClass(new Int32Array(shown.sample_size), known.correct, known.score, 1);
    return {
      task: "classification",
      groups,
      names: ["all"],
      style: { ...baseStyle, colour: () => classColour(-1) },
      right: groups[0]?.right.length ?? 0,
      wrong: groups[0]?.wrong.length ?? 0,
      judged,
    };
  }
  let classes = shown.class_names.length;
  for (const value of known.label) if (value >= classes) classes = value + 1;
  const groups = byClass(known.label.subarray(0, shown.sample_size), known.correct, known.score, classes);
  return {
    task: "classification",
    groups,
    names: groups.map((_, i) => (i < classes ? (shown.class_names[i] ?? String(i)) : "–")),
    style: baseStyle,
    ...sides(groups, judged ? classes : Infinity),
    judged,
  };
});

/** How many are right and wrong in the first so many groups: what is behind them has no label, and is neither. */
function sides(groups: readonly Group[], count: number): { right: number; wrong: number } {
  const sum = (side: "right" | "wrong"): number =>
    groups.slice(0, count).reduce((total, group) => total + group[side].length, 0);
  return { right: sum("right"), wrong: sum("wrong") };
}

const text = (value: number | undefined): string => String(value ?? "").replace("-", "−");
