import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Columns, Snapshot } from "../api/types";
import { classOfRow, hoveredRow, subsetsByName } from "./chosen";
import { columns, snapshot, whereOf } from "./data";
import { hoveredInstance } from "./hover";
import { parseRowKey, type RowKey } from "./rowKeys";

/**
 * A set of instances that was drawn with a lasso, clicked in the confusion matrix or marked in the table; not yet a
 * row.
 */
export interface Picked {
  name: string;
  rows: Int32Array;
  /** The layer in whose projection it was drawn. */
  layer?: string;
  /** What they have in common, where it can be said: then it is a subset at every step and in every run. */
  expression?: string;
}

export const picked = signal<Picked | null>(null);

/**
 * One byte per kept instance, 1 for those in the row; null while not known. Reads signals: use it inside of a computed
 * or an effect.
 */
export function membersOf(key: RowKey): Uint8Array | null {
  const [known, shown, row] = [columns.value.value, snapshot.value.value, parseRowKey(key)];
  if (!known || !shown || !row) return null;
  if (row.kind === "instance") return only(known, [row.row]);
  const subset = row.kind === "subset" ? subsetsByName.value.get(row.name) : null;
  const direct = row.kind === "subset" && subset ? declared(known, shown, subset.kind, classOfRow(key)) : null;
  if (direct) return direct;
  const expression = row.kind === "expression" ? row.expression : (subset?.expression ?? "");
  const found = whereOf(expression).value.value;
  return found ? only(known, found.rows) : null;
}

function declared({ label, correct, count }: Columns, _: Snapshot, kind: string, index: number): Uint8Array | null {
  switch (kind) {
    case "all":
      return new Uint8Array(count).fill(1);
    case "class":
      return equal(label, index);
    case "correct":
      return equal(correct, 1);
    case "wrong":
      return equal(correct, 0);
    default:
      return null;
  }
}

function equal(values: ArrayLike<number>, wanted: number): Uint8Array {
  const members = new Uint8Array(values.length);
  for (let row = 0; row < members.length; row++) if (values[row] === wanted) members[row] = 1;
  return members;
}

export function only({ count }: Columns, rows: ArrayLike<number>): Uint8Array {
  const members = new Uint8Array(count);
  // What is beyond its end a typed array does not take.
  for (let i = 0; i < rows.length; i++) members[rows[i]!] = 1;
  return members;
}

export const pickedMembers: ReadonlySignal<Uint8Array | null> = computed(
  () => columns.value.value && picked.value && only(columns.value.value, picked.value.rows),
);

/**
 * The instances that stand out, one byte each: those of the hovered row or the hovered one, else the picked; null: none
 * dims.
 */
export const lit: ReadonlySignal<Uint8Array | null> = computed(() => {
  const known = columns.value.value;
  if (!known) return null;
  const instance = hoveredInstance.value;
  if (instance !== undefined) return only(known, [instance]);
  const key = hoveredRow.value;
  if (key) return membersOf(key);
  return pickedMembers.value;
});
