/** Which instances belong to a row, are picked or are highlighted. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Columns, Snapshot } from "../api/types";
import { columns, snapshot, whereOf } from "./data";
import { classOfRow, hoveredRow, subsetsByName } from "./derived";
import { hoveredInstance } from "./hover";
import { parseRowKey, type RowKey } from "./rowKeys";
import { typedExpression } from "./typed";
import { findingsPlace } from "./view";

/** Instances picked with the lasso, in the confusion matrix or in the table, and not yet a row. */
export interface Picked {
  name: string;
  indices: Int32Array;
  /** The layer in whose projection the lasso was drawn. */
  layer?: string;
  /** An expression for them, if there is one: then it applies to every step and run. */
  expression?: string;
}

export const picked = signal<Picked | null>(null);

/**
 * One byte per instance, 1 for members of the row; null while unknown. Reads signals: use it in a computed or an
 * effect.
 */
export function membersOf(key: RowKey): Uint8Array | null {
  const [known, shown, row] = [columns.value.value, snapshot.value.value, parseRowKey(key)];
  if (!known || !shown || !row) return null;
  if (row.kind === "instance") return membersOfIndices(known, [row.index]);
  const subset = row.kind === "subset" ? subsetsByName.value.get(row.name) : null;
  const direct = row.kind === "subset" && subset ? declared(known, shown, subset.kind, classOfRow(key)) : null;
  if (direct) return direct;
  const expression = row.kind === "expression" ? row.expression : (subset?.expression ?? "");
  const matching = whereOf(expression).value.value;
  return matching ? membersOfIndices(known, matching.indices) : null;
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
  for (let i = 0; i < members.length; i++) if (values[i] === wanted) members[i] = 1;
  return members;
}

export function membersOfIndices({ count }: Columns, indices: ArrayLike<number>): Uint8Array {
  const members = new Uint8Array(count);
  // Writes beyond the end of a typed array are ignored.
  for (let i = 0; i < indices.length; i++) members[indices[i]!] = 1;
  return members;
}

export const pickedMembers: ReadonlySignal<Uint8Array | null> = computed(
  () => columns.value.value && picked.value && membersOfIndices(columns.value.value, picked.value.indices),
);

/** The instances that the typed expression is true for; null while there is none, and until they are known. */
export const typedMembers: ReadonlySignal<Uint8Array | null> = computed(() => {
  const [known, text] = [columns.value.value, typedExpression.value];
  const { value, status } = whereOf(text).value;
  return known && text && value && status === "ready" ? membersOfIndices(known, value.indices) : null;
});

/** Those of the finding that is open. */
const foundMembers = computed(() => {
  const { open, row } = findingsPlace.value;
  return open && row ? membersOf(row) : null;
});

/**
 * The highlighted instances, one byte each: those of the hovered row, the hovered one, else the picked, else those of
 * the typed expression, else those of the open finding; null: nothing is dimmed.
 */
export const highlighted: ReadonlySignal<Uint8Array | null> = computed(() => {
  const known = columns.value.value;
  if (!known) return null;
  const instance = hoveredInstance.value;
  if (instance !== undefined) return membersOfIndices(known, [instance]);
  const key = hoveredRow.value;
  if (key) return membersOf(key);
  return pickedMembers.value ?? typedMembers.value ?? foundMembers.value;
});
