/** Fits the graph into the pane, as far as it can still be read. */

import { isGroup } from "../../layout/graphTree";
import { openModules } from "../../state/view";
import { open, type Shown, scale, shown } from "./graphState";

/** At this scale, text of 12 px is 10 px. */
const LEGIBLE = 10 / 12;

/** What was open before the drawing was fitted, and what is open since. */
let before: { own: readonly string[] | null; since: string } | null = null;

const opened = (): string => [...open.peek()].sort().join("\n");

/** Shrinks the drawing and closes modules until it fits, the innermost first; or goes back to what it was. */
export function toggleFit(pane: HTMLElement): void {
  if (scale.peek() !== 1 || before?.since === opened()) {
    if (before?.since === opened()) openModules.value = before.own && [...before.own];
    before = null;
    scale.value = 1;
    pane.scrollTo(0, 0);
    return;
  }
  const own = openModules.peek();
  let done = false;
  // Goes on with each new drawing, which a worker may take a while to lay out.
  const stop = shown.subscribe((now) => {
    if (!now || done) return;
    const whole = Math.min(1, pane.clientWidth / now.drawing.width, pane.clientHeight / now.drawing.height);
    const keys = whole < LEGIBLE ? innermost(now) : [];
    if (keys.length > 0) {
      openModules.value = [...open.peek()].filter((key) => !keys.includes(key));
      return;
    }
    done = true;
    before = { own, since: opened() };
    scale.value = Math.max(LEGIBLE, whole);
    queueMicrotask(() => stop());
  });
}

/** The open modules that are deepest in others; not one that holds all the groups there are beside it. */
function innermost({ drawing, tree }: Shown): string[] {
  const closable = drawing.boxes.filter(({ form, key }) => {
    const siblings = form === "open" ? tree.byKey.get(key)?.parent?.children : null;
    return siblings && siblings.filter(isGroup).length > 1;
  });
  const deepest = Math.max(...closable.map(({ level }) => level));
  return closable.filter(({ level }) => level === deepest).map(({ key }) => key);
}
