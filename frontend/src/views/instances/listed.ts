import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { byFalling } from "../../layout/classes";
import { classOfRow, hoveredRow, labelName, numeric, rowName } from "../../state/chosen";
import { columns, rows, snapshot } from "../../state/data";
import { membersOf, picked } from "../../state/members";
import { rowKey, rowOfKey, type RowKey } from "../../state/rows";
import { selection } from "../../state/view";
import { errorsOf } from "./look";

/** Which instances the list under the classes shows: what was last pointed at. It stays when the pointer leaves, or nobody could reach the list. */
type Subject = { kind: "row"; key: RowKey } | { kind: "picked" } | null;

export type ListColumn = "label" | "prediction" | "score" | "label_score" | "loss" | "error";
/** null: by what surprises most, the surest or the farthest off. */
export const chosenSort = signal<{ by: ListColumn; descending: boolean } | null>(null);
export const listSort = computed(() => chosenSort.value ?? { by: numeric(snapshot.value.value?.task) ? "error" as const : "score" as const, descending: true });

const subject = signal<Subject>(null);

/** What expressions that views made are called, so that nobody has to read them. */
const titles = new Map<RowKey, string>();

export function called(key: RowKey, title: string): RowKey {
  titles.set(key, title);
  return key;
}

/** Starts following hover, picking and selection. Returns what stops it. */
export function followSubject(): () => void {
  const stops = [
    effect(() => {
      const key = hoveredRow.value;
      if (key !== null && rowOfKey(key)?.kind !== "instance" && membersOf(key)) subject.value = { kind: "row", key };
    }),
    effect(() => {
      if (picked.value) subject.value = { kind: "picked" };
      else if (subject.peek()?.kind === "picked") subject.value = null;
    }),
    effect(() => {
      const chosen = selection.value;
      if (chosen?.kind === "subset") subject.value = { kind: "row", key: chosen.key };
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

export interface Listed {
  title: string;
  rows: Int32Array;
}

const NONE = new Int32Array(0);

export const listed: ReadonlySignal<Listed> = computed(() => {
  const known = columns.value.value;
  if (!known) return { title: "", rows: NONE };
  const found = unsorted();
  const { by, descending } = listSort.value;
  const rows = byFalling(found.rows, by === "error" ? (errorsOf.value?.map(Math.abs) ?? []) : known[by]);
  if (!descending) rows.reverse();
  // Probes first: they were asked for.
  const kept = snapshot.value.value?.kept ?? Infinity;
  const probes = rows.filter((row) => row >= kept);
  rows.set(rows.filter((row) => row < kept), probes.length);
  rows.set(probes);
  return { title: found.title, rows };
});

/** A number or a letter alone does not say that it is a class. */
const classTitle = (name: string): string => (name.length <= 3 ? `Class ${name}` : name);

function unsorted(): Listed {
  const known = columns.value.value;
  if (!known) return { title: "", rows: NONE };
  const all = (test: (row: number) => boolean): Int32Array => {
    const rows: number[] = [];
    for (let row = 0; row < known.count; row++) if (test(row)) rows.push(row);
    return Int32Array.from(rows);
  };
  const what = subject.value;
  if (what?.kind === "picked" && picked.value) return { title: picked.value.name === "lasso" ? "Picked" : picked.value.name, rows: picked.value.rows };
  const members = what?.kind === "row" ? membersOf(what.key) : null;
  if (what?.kind === "row" && members) {
    const index = classOfRow(what.key);
    const wrong = index < 0 ? NONE : all((row) => members[row] === 1 && known.correct[row] === 0);
    if (index >= 0 && wrong.length > 0) return { title: `${classTitle(labelName(index))}, wrong`, rows: wrong };
    const own = rows.value.find((row) => rowKey(row) === what.key) ?? rowOfKey(what.key);
    const name = titles.get(what.key) ?? (own ? rowName(own) : "");
    return { title: index >= 0 ? classTitle(name) : name, rows: all((row) => members[row] === 1) };
  }
  const wrong = all((row) => known.correct[row] === 0);
  return wrong.length > 0 || snapshot.value.value?.task === "classification" ? { title: "Wrong", rows: wrong } : { title: "All", rows: all(() => true) };
}
