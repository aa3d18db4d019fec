/** The subject of the drawer. A pinned drawer keeps its subject, whatever is clicked. */

import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { select } from "../../state/actions";
import { columns } from "../../state/data";
import { headline } from "../../state/headline";
import { storedPanes, togglePane } from "../../state/panes";
import { detailPinned, type Selection, selection } from "../../state/view";

const pinnedSubject = signal<Selection | null>(null);
/** Whether the drawer was closed: it then stays empty until something is clicked. */
const dismissed = signal(false);

/** The wrong prediction with the highest score, or the number that is furthest off: shown before anything is clicked. */
const surestError: ReadonlySignal<number> = computed(() => {
  const known = columns.value.value;
  let best = -1;
  for (const clause of headline.value ?? []) if (clause.kind === "miss") best = clause.index;
  known?.correct.forEach((right, index) => {
    if (right === 0 && (best < 0 || (known.score[index] ?? 0) > (known.score[best] ?? 0))) best = index;
  });
  return best;
});

export interface Subject {
  item: Selection;
  /** Suggested, not chosen by the user. */
  suggested: boolean;
}

export const subject: ReadonlySignal<Subject | null> = computed(() => {
  const selected = (detailPinned.value && pinnedSubject.value) || selection.value;
  if (selected) return { item: selected, suggested: false };
  if (dismissed.value || surestError.value < 0) return null;
  return { item: { kind: "instance", index: surestError.value }, suggested: true };
});

export function togglePin(): void {
  batch(() => {
    pinnedSubject.value = detailPinned.peek() ? null : (subject.peek()?.item ?? null);
    detailPinned.value = pinnedSubject.value !== null;
  });
}

/** Clears the subject and collapses the drawer to its title line. */
export function close(): void {
  batch(() => {
    pinnedSubject.value = null;
    detailPinned.value = false;
    dismissed.value = true;
    select(null);
    togglePane("detail", true);
  });
}

/** Opens a drawer that is closed for lack of a subject when something is clicked. Returns a function that stops it. */
export function openWithSubject(): () => void {
  let last = subject.peek()?.item ?? null;
  return effect(() => {
    const now = subject.value?.item ?? null;
    if (now && !last && dismissed.peek() && storedPanes.peek().closed.detail) togglePane("detail", false);
    last = now;
  });
}
