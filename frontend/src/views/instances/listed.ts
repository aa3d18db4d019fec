import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Columns } from "../../api/types";
import { inTurn } from "../../draw/turns";
import { byFalling } from "../../layout/classes";
import { classOfRow, hoveredRow, labelName, numeric, rowName } from "../../state/chosen";
import { columns, rows, snapshot } from "../../state/data";
import { membersOf, picked, pickedMembers } from "../../state/members";
import { parseRowKey, type RowKey, rowKey } from "../../state/rowKeys";
import { selection } from "../../state/view";
import { errorsOf } from "./look";

/**
 * Which instances the list under the classes shows: what was last pointed at. It stays when the pointer leaves, or
 * nobody could reach the list.
 */
type Subject = { kind: "row"; key: RowKey } | { kind: "picked"; name: string; members: Uint8Array } | null;

export type ListColumn = "label" | "prediction" | "score" | "label_score" | "loss" | "error";
/** null: by what surprises most, the surest or the farthest off. */
export const chosenSort = signal<{ by: ListColumn; descending: boolean } | null>(null);
export const listSort = computed(
  () =>
    chosenSort.value ?? {
      by: numeric(snapshot.value.value?.task) ? ("error" as const) : ("score" as const),
      descending: true,
    },
);

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
      if (key !== null && parseRowKey(key)?.kind !== "instance" && membersOf(key)) subject.value = { kind: "row", key };
    }),
    effect(() => {
      const [set, members] = [picked.value, pickedMembers.value];
      // After the pictures of what was picked: a long list takes its time.
      inTurn(sorted, () => {
        if (set && members) subject.value = { kind: "picked", name: set.name, members };
        else if (subject.peek()?.kind === "picked") subject.value = null;
      });
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

/** All instances in the order of the list: what is pointed at is only picked out of them. */
const sorted = computed(() => {
  const known = columns.value.value;
  if (!known) return NONE;
  const { by, descending } = listSort.value;
  const rows = byFalling(
    new Int32Array(known.count).map((_, row) => row),
    by === "error" ? (errorsOf.value?.map(Math.abs) ?? []) : known[by],
  );
  if (!descending) rows.reverse();
  // Probes first: they were asked for.
  const kept = snapshot.value.value?.kept ?? Infinity;
  const probes = rows.filter((row) => row >= kept);
  rows.set(
    rows.filter((row) => row < kept),
    probes.length,
  );
  rows.set(probes);
  return rows;
});

export const listed: ReadonlySignal<Listed> = computed(() => {
  const known = columns.value.value;
  if (!known) return { title: "", rows: NONE };
  const { title, holds } = unsorted(known);
  // What `filter` does, in a tenth of its time.
  const [all, rows] = [sorted.value, new Int32Array(known.count)];
  let count = 0;
  for (let i = 0; i < all.length; i++) if (holds(all[i]!)) rows[count++] = all[i]!;
  return { title, rows: rows.slice(0, count) };
});

/** A number or a letter alone does not say that it is a class. */
const classTitle = (name: string): string => (name.length <= 3 ? `Class ${name}` : name);

function unsorted(known: Columns): { title: string; holds: (row: number) => boolean } {
  const isWrong = (row: number): boolean => known.correct[row] === 0;
  const what = subject.value;
  if (what?.kind === "picked")
    return { title: what.name === "lasso" ? "Picked" : what.name, holds: (row) => what.members[row] === 1 };
  const members = what && membersOf(what.key);
  if (members) {
    const index = classOfRow(what.key);
    if (index >= 0 && members.some((member, row) => member === 1 && isWrong(row)))
      return { title: `${classTitle(labelName(index))}, wrong`, holds: (row) => members[row] === 1 && isWrong(row) };
    const own = rows.value.find((row) => rowKey(row) === what.key) ?? parseRowKey(what.key);
    const name = titles.get(what.key) ?? (own ? rowName(own) : "");
    return { title: index >= 0 ? classTitle(name) : name, holds: (row) => members[row] === 1 };
  }
  return known.correct.includes(0) || snapshot.value.value?.task === "classification"
    ? { title: "Wrong", holds: isWrong }
    : { title: "All", holds: () => true };
}
