/** A word that explains itself when it is pointed at. */

import type { ComponentChildren, JSX } from "preact";
import { explain, help, leave, type TermName } from "../../state/help";

/** Dotted below; a click opens the help sheet at the term. The keyboard reaches all terms by the sheet (`?`). */
export function Term({ name, children }: { name: TermName; children: ComponentChildren }): JSX.Element {
  return (
    <span
      class="term"
      data-term={name}
      onPointerEnter={({ currentTarget }) => explain(name, currentTarget.getBoundingClientRect())}
      onPointerLeave={leave}
      // A press opens what the word stands on, which must not be covered.
      onPointerDown={leave}
      onClick={(event) => {
        if (event.currentTarget.closest("button")) return;
        event.stopPropagation();
        help.value = { term: name };
      }}
    >
      {children}
    </span>
  );
}
