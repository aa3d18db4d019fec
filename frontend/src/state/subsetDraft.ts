import { signal } from "@preact/signals";
import type { RowKey } from "./rowKeys";

/** The subset that is being edited, in the editor that opens beside what was clicked. */

export interface SubsetDraft {
  anchor: HTMLElement;
  /** The row that is changed; null: a new one is made. */
  key: RowKey | null;
  name: string;
  expression: string;
}

/** null: the editor is closed. */
export const draft = signal<SubsetDraft | null>(null);

/** Opens the editor beside `anchor`, on a row's subset or a new one. */
export function editSubset(anchor: HTMLElement, expression: string, name = "", key: RowKey | null = null): void {
  draft.value = { anchor, key, name, expression };
}
