/** Reordering rows by dragging. */

import { signal } from "@preact/signals";
import { followDrag } from "../../lib/drag";
import { moveRow } from "../../state/actions";
import { rows } from "../../state/data";
import { isInstanceKey, isRowKey, type RowKey, rowKey } from "../../state/rowKeys";

/** Drop position of a dragged row: before `before`, or after `after`. */
export const drop = signal<{ key: RowKey; before: RowKey | null; after: RowKey | null } | null>(null);

const placeOf = (key: RowKey): number => rows.peek().findIndex((row) => rowKey(row) === key);

/** Moves a row by one position among its siblings. */
export function moveBy(key: RowKey, siblings: readonly RowKey[], by: 1 | -1): void {
  const other = siblings[siblings.indexOf(key) + by];
  if (other !== undefined) moveRow(key, placeOf(other) + (by > 0 ? 1 : 0));
}

/**
 * Handles a pointer that was pressed on a row or chip; beyond a few pixels it drags. `list` contains elements with
 * `data-row`; those of the same kind are possible targets. Suppresses the click after a drag.
 */
export function dragRow(event: PointerEvent, key: RowKey, list: HTMLElement, axis: "x" | "y"): void {
  if (event.button !== 0) return;
  const at = (now: PointerEvent): number => (axis === "x" ? now.clientX : now.clientY);
  const from = at(event);
  /** Elements of the rows of the same kind, with their keys. */
  const siblings = (): { item: HTMLElement; other: RowKey }[] =>
    Array.from(list.querySelectorAll<HTMLElement>("[data-row]"), (item) => ({ item, other: item.dataset.row })).filter(
      (one): one is { item: HTMLElement; other: RowKey } =>
        isRowKey(one.other) && isInstanceKey(one.other) === isInstanceKey(key),
    );
  const move = (now: PointerEvent): void => {
    if (!drop.peek() && Math.abs(at(now) - from) < 5) return;
    const items = siblings();
    const next = items.find(({ item }) => {
      const { left, top, width, height } = item.getBoundingClientRect();
      return at(now) < (axis === "x" ? left + width / 2 : top + height / 2);
    });
    drop.value = {
      key,
      before: next?.other ?? null,
      after: next ? null : (items.at(-1)?.other ?? null),
    };
  };
  const end = (now: Event): void => {
    const target = drop.peek();
    drop.value = null;
    if (!target) return;
    window.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => window.removeEventListener("click", swallow, { capture: true }));
    if (now.type !== "pointerup") return;
    if (target.before !== null) moveRow(key, placeOf(target.before));
    else if (target.after !== null) moveRow(key, placeOf(target.after) + 1);
  };
  const drag = followDrag(window, move, end);
  const cancel = (now: KeyboardEvent): void => {
    if (now.key === "Escape") drag.end(now);
  };
  window.addEventListener("keydown", cancel, { capture: true, signal: drag.signal });
}

function swallow(event: Event): void {
  event.stopPropagation();
  event.preventDefault();
}
