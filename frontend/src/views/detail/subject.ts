import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { select } from "../../state/actions";
import { columns } from "../../state/data";
import { kept, togglePane } from "../../state/panes";
import { detailPinned, type Selection, selection } from "../../state/view";

/** What the drawer is about. A pinned drawer keeps its subject, whatever is clicked. */

const held = signal<Selection | null>(null);
/** The drawer was closed: it stays empty until something is clicked. */
const dismissed = signal(false);

/** The wrong prediction with the highest score: what the drawer shows before anyone clicks. */
const surestError: ReadonlySignal<number> = computed(() => {
  const known = columns.value.value;
  let best = -1;
  known?.correct.forEach((right, row) => {
    if (right === 0 && (best < 0 || (known.score[row] ?? 0) > (known.score[best] ?? 0))) best = row;
  });
  return best;
});

export interface Subject {
  what: Selection;
  /** Nobody chose it. */
  suggested: boolean;
}

export const subject: ReadonlySignal<Subject | null> = computed(() => {
  const chosen = (detailPinned.value && held.value) || selection.value;
  if (chosen) return { what: chosen, suggested: false };
  if (dismissed.value || surestError.value < 0) return null;
  return { what: { kind: "instance", row: surestError.value }, suggested: true };
});

export function togglePin(): void {
  batch(() => {
    held.value = detailPinned.peek() ? null : (subject.peek()?.what ?? null);
    detailPinned.value = held.value !== null;
  });
}

/** Lets the subject go and folds the drawer down to its title line. */
export function close(): void {
  batch(() => {
    held.value = null;
    detailPinned.value = false;
    dismissed.value = true;
    select(null);
    togglePane("detail", true);
  });
}

/** A click on something opens a drawer that was closed for want of a subject. Returns what stops it. */
export function openWithSubject(): () => void {
  let last = subject.peek()?.what ?? null;
  return effect(() => {
    const now = subject.value?.what ?? null;
    if (now && !last && dismissed.peek() && kept.peek().closed.detail) togglePane("detail", false);
    last = now;
  });
}
