/** Which instances the list below the classes shows, and in which order. */

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Columns } from "../../api/types";
import { queueDraw } from "../../draw/drawQueue";
import { byFalling } from "../../layout/classes";
import { conceptOfPanel } from "../../state/concepts";
import { columns, rows, snapshot } from "../../state/data";
import { classOfRow, hasNumericLabels, hoveredRow, labelName, nameOf, openLayers, rowName } from "../../state/derived";
import { membersOf, picked, pickedMembers, typedMembers } from "../../state/members";
import { alongRow, parseRowKey, type RowKey, rowKey } from "../../state/rowKeys";
import { panel, selection } from "../../state/view";
import { signedErrors } from "./grouping";

/**
 * What the list shows: what was last hovered, picked or selected. It stays when the pointer leaves, so that the list
 * can be reached.
 */
type Subject = { kind: "row"; key: RowKey } | { kind: "picked" | "typed"; name: string; members: Uint8Array } | null;

/** The first open panel whose points are coloured by the direction of a row: the list has its values, too. */
export const listedConcept = computed(() => {
  for (const layer of openLayers.value) {
    const key = alongRow(panel(layer).colour.value);
    const { value } = conceptOfPanel(layer).value;
    if (key !== null && value?.n && value.rest) return { layer, name: nameOf(key), values: value.values };
  }
  return null;
});

export type ListColumn = "label" | "prediction" | "score" | "label_score" | "loss" | "error" | "along";
/** null: the default, furthest along a direction, most confident or largest error first. */
export const chosenSort = signal<{ by: ListColumn; descending: boolean } | null>(null);
export const listSort = computed((): { by: ListColumn; descending: boolean } => {
  const [chosen, along] = [chosenSort.value, listedConcept.value];
  if (chosen && (along || chosen.by !== "along")) return chosen;
  return {
    by: along ? "along" : hasNumericLabels(snapshot.value.value?.task) ? "error" : "score",
    descending: true,
  };
});

const subject = signal<Subject>(null);

/** Titles of expressions that views composed, shown instead of the expression. */
const titles = new Map<RowKey, string>();

export function withTitle(key: RowKey, title: string): RowKey {
  titles.set(key, title);
  return key;
}

/** Follows hover, picked set and selection. Returns a function that stops it. */
export function followSubject(): () => void {
  const stops = [
    effect(() => {
      const key = hoveredRow.value;
      if (key !== null && parseRowKey(key)?.kind !== "instance" && membersOf(key)) subject.value = { kind: "row", key };
    }),
    effect(() => {
      const [set, members] = [picked.value, pickedMembers.value];
      // After the views of the picked set: a long list takes time.
      queueDraw(sorted, () => {
        if (set && members) subject.value = { kind: "picked", name: set.name, members };
        else if (subject.peek()?.kind === "picked") subject.value = null;
      });
    }),
    effect(() => {
      const members = typedMembers.value;
      queueDraw(typedMembers, () => {
        if (members) subject.value = { kind: "typed", name: "Typed", members };
        else if (subject.peek()?.kind === "typed") subject.value = null;
      });
    }),
    effect(() => {
      const selected = selection.value;
      if (selected?.kind === "subset") subject.value = { kind: "row", key: selected.key };
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

export interface ListedInstances {
  title: string;
  indices: Int32Array;
}

const NONE = new Int32Array(0);

/** All instances in the order of the list, which is filtered below. */
const sorted = computed(() => {
  const known = columns.value.value;
  if (!known) return NONE;
  const { by, descending } = listSort.value;
  const indices = byFalling(
    new Int32Array(known.count).map((_, index) => index),
    by === "along"
      ? (listedConcept.value?.values ?? [])
      : by === "error"
        ? (signedErrors.value?.map(Math.abs) ?? [])
        : known[by],
  );
  if (!descending) indices.reverse();
  // Pinned instances first: the user named them.
  const sampleSize = snapshot.value.value?.sample_size ?? Infinity;
  const pinned = indices.filter((index) => index >= sampleSize);
  indices.set(
    indices.filter((index) => index < sampleSize),
    pinned.length,
  );
  indices.set(pinned);
  return indices;
});

export const listedInstances: ReadonlySignal<ListedInstances> = computed(() => {
  const known = columns.value.value;
  if (!known) return { title: "", indices: NONE };
  const { title, holds } = subjectFilter(known);
  // `filter` takes ten times as long.
  const [all, indices] = [sorted.value, new Int32Array(known.count)];
  let count = 0;
  for (let i = 0; i < all.length; i++) if (holds(all[i]!)) indices[count++] = all[i]!;
  return { title, indices: indices.slice(0, count) };
});

/** Short names are preceded by "Class". */
const classTitle = (name: string): string => (name.length <= 3 ? `Class ${name}` : name);

function subjectFilter(known: Columns): { title: string; holds: (index: number) => boolean } {
  const isWrong = (index: number): boolean => known.correct[index] === 0;
  const what = subject.value;
  if (what && what.kind !== "row")
    return { title: what.name === "lasso" ? "Picked" : what.name, holds: (index) => what.members[index] === 1 };
  const members = what && membersOf(what.key);
  if (what && members) {
    const classIndex = classOfRow(what.key);
    if (classIndex >= 0 && members.some((member, index) => member === 1 && isWrong(index)))
      return {
        title: `${classTitle(labelName(classIndex))}, wrong`,
        holds: (index) => members[index] === 1 && isWrong(index),
      };
    const own = rows.value.find((row) => rowKey(row) === what.key) ?? parseRowKey(what.key);
    const name = titles.get(what.key) ?? (own ? rowName(own) : "");
    return { title: classIndex >= 0 ? classTitle(name) : name, holds: (index) => members[index] === 1 };
  }
  return known.correct.includes(0) || snapshot.value.value?.task === "classification"
    ? { title: "Wrong", holds: isWrong }
    : { title: "All", holds: () => true };
}
