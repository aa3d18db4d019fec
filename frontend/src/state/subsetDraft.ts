/** The subset that is being edited in the subset editor. */

import { signal } from "@preact/signals";
import type { RowKey } from "./rowKeys";

export interface SubsetDraft {
  anchor: HTMLElement;
  /** The row that is edited; null: a new one. */
  key: RowKey | null;
  name: string;
  expression: string;
}

/** null: the editor is closed. */
export const draft = signal<SubsetDraft | null>(null);

/** Opens the editor beside `anchor`, for a row's subset or a new one. */
export function editSubset(anchor: HTMLElement, expression: string, name = "", key: RowKey | null = null): void {
  draft.value = { anchor, key, name, expression };
}
