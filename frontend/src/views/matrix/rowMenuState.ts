/** The row whose menu is open, and the row that is being renamed. */

import { signal } from "@preact/signals";
import { select } from "../../state/actions";
import { rows } from "../../state/data";
import { isInstanceKey, parseRowKey, type RowKey, rowKey } from "../../state/rowKeys";

/** Where the row was clicked: a chip, or the labels in a layer's panel. */
export type Where = "chip" | `in ${string}`;

/** The row whose menu is open. */
export const openMenu = signal<{ key: RowKey; anchor: HTMLElement; where: Where } | null>(null);
/** The row that is being renamed, and where. */
export const renaming = signal<{ key: RowKey; where: Where } | null>(null);

export function openRowMenu(event: Event, key: RowKey, where: Where): void {
  event.preventDefault();
  openMenu.value = { key, anchor: event.currentTarget as HTMLElement, where };
}

export function showInDetail(key: RowKey): void {
  const row = parseRowKey(key);
  select(row?.kind === "instance" ? { kind: "instance", index: row.index } : { kind: "subset", key });
}

/** Rows of the same kind, in order. */
export function siblingsOf(key: RowKey): RowKey[] {
  return rows
    .peek()
    .map(rowKey)
    .filter((other) => isInstanceKey(other) === isInstanceKey(key));
}
