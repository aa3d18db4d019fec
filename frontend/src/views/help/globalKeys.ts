/** Keys that work wherever the focus is, unless something is typed: `?` for help, `/` for the expression box. */

import { help, toggleHelp } from "../../state/help";

const typing = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest("input, textarea, [contenteditable]") !== null;

/** Listens to the window's keys. Returns a function that stops it. */
export function followKeys(window: Window): () => void {
  const press = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "?") toggleHelp();
    else if (event.key === "/") window.document.querySelector<HTMLElement>(".expression-input")?.focus();
    else if (event.key === "Escape" && help.peek()) help.value = null;
    else return;
    event.preventDefault();
  };
  window.addEventListener("keydown", press);
  return () => window.removeEventListener("keydown", press);
}
