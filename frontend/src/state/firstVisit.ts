/** Whether the user sees the tab for the first time. The browser remembers that they have seen it. */

import { signal } from "@preact/signals";

const KEY = "activis.visited";

/** Whether the marks of a first visit are to be shown. */
export const firstVisit = signal(false);

/** Where the browser stores nothing for us, each page is a first visit until its marks are dismissed. */
export function noticeFirstVisit(): void {
  try {
    firstVisit.value = localStorage.getItem(KEY) === null;
  } catch {
    firstVisit.value = true;
  }
}

export function endFirstVisit(): void {
  firstVisit.value = false;
  try {
    localStorage.setItem(KEY, "1");
  } catch {
    // Storage is full or not allowed.
  }
}
