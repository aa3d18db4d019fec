/** Keyboard navigation of the graph. */

import type { Box } from "../../layout/graphDrawing";
import { isGroup, type TreeNode } from "../../layout/graphTree";
import {
  boxKey,
  choose,
  focusedNode,
  isOpenGroup,
  nodeElement,
  type Shown,
  scrollTarget,
  setOpen,
  showMore,
  toggleOpen,
} from "./graphState";

/** Arrow keys move, Enter and + and - open and close modules, Enter and Space toggle a layer. */
export function onTreeKey(event: KeyboardEvent, shown: Shown, zoom: (by: number | null) => void): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { boxes } = shown.drawing;
  const at = Math.max(
    0,
    boxes.findIndex((box) => boxKey(box) === focusedNode.peek()),
  );
  const box = boxes[at];
  const item = box && shown.tree.byKey.get(box.key);
  if (!box) return;
  const go = (target: Box | undefined): void => {
    if (!target) return;
    const key = boxKey(target);
    // Focused at once, so that the next key finds it; a node that is not drawn yet is focused when it is.
    nodeElement(key)?.focus({ preventScroll: true });
    focusedNode.value = key;
    scrollTarget.value = { key, focus: true };
  };
  const parent = (): Box | undefined => {
    const up = box.form === "more" ? item : item?.parent;
    return up ? shown.boxes.get(up.key) : undefined;
  };
  const act = (): void => {
    if (box.form === "more") showMore(box);
    else if (item) choose(item);
  };
  const group: TreeNode | null = item && box.form !== "more" && isGroup(item) ? item : null;
  const wide = group !== null && isOpenGroup(group);
  const moves: Record<string, () => void> = {
    ArrowDown: () => go(boxes[at + 1]),
    ArrowUp: () => go(boxes[at - 1]),
    Home: () => go(boxes[0]),
    End: () => go(boxes.at(-1)),
    ArrowRight: () => (group && !wide ? setOpen(group.key, true) : go(wide ? boxes[at + 1] : undefined)),
    ArrowLeft: () => (group && wide ? setOpen(group.key, false) : go(parent())),
    "+": () => group && setOpen(group.key, true),
    "-": () => group && setOpen(group.key, false),
    Enter: () => (group ? toggleOpen(group.key) : act()),
    " ": act,
    f: () => zoom(null),
    "]": () => zoom(1.25),
    "[": () => zoom(0.8),
  };
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  event.stopPropagation();
  move();
}
