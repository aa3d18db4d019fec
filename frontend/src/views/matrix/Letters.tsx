/** The letters A and B of a row: what it is, and buttons while the row is pointed at. */

import type { JSX } from "preact";
import { chooseLetter } from "../../state/actions";
import { letters, nameOf } from "../../state/derived";
import type { RowKey } from "../../state/rowKeys";

/** Width of both buttons with their gaps, in pixels. */
export const LETTERS = 48;

/** `open`: both can be clicked; else only the letter that the row has is shown. */
export function Letters({ row, open }: { row: RowKey; open: boolean }): JSX.Element | null {
  const now = letters.value;
  if (!open) {
    const own = now.a === row ? "A" : now.b === row ? "B" : "";
    return own ? <b class="accent matrix-letter">{own}</b> : null;
  }
  return (
    <span class="matrix-letters">
      {(["a", "b"] as const).map((letter) => {
        const [name, set] = [letter.toUpperCase(), now[letter] === row];
        const early = letter === "b" && now.a === null;
        const title = set
          ? `${nameOf(row)} is ${name}. Click to take the letter away.`
          : letter === "a"
            ? `Make ${nameOf(row)} A, to sort by it or compare it with B`
            : early
              ? "Choose A first, on another row"
              : `Make ${nameOf(row)} B, to compare it with ${nameOf(now.a ?? row)}`;
        return (
          <button
            key={letter}
            type="button"
            class={`matrix-pick${set ? " set" : ""}`}
            aria-pressed={set}
            aria-disabled={early}
            tabIndex={-1}
            title={title}
            onPointerDown={(event) => event.stopPropagation()}
            onClick={(event) => {
              event.stopPropagation();
              // With shift it is B, as on the row's name.
              if (event.shiftKey && now.a !== null) chooseLetter("b", row);
              else if (!early) chooseLetter(letter, row);
            }}
          >
            {name}
          </button>
        );
      })}
    </span>
  );
}
