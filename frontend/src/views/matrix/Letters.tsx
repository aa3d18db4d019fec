/** The letters A and B of a row: what it is, and buttons while the row is pointed at. */

import type { JSX } from "preact";
import { chooseLetter } from "../../state/actions";
import { letters, nameOf } from "../../state/derived";
import type { RowKey } from "../../state/rowKeys";
import { typedRow } from "../../state/typed";

/** Width of both buttons with their gaps, in pixels. */
export const LETTERS = 48;

/** `open`: both can be clicked; else only the letter that the row has is shown. */
export function Letters({ row, open }: { row: RowKey; open: boolean }): JSX.Element | null {
  const [now, typed] = [letters.value, typedRow.value];
  // What B is compared with: A, or what is typed.
  const first = now.a ?? (typed === row ? null : typed);
  const name = (key: RowKey): string => (key === typed ? "the typed subset" : nameOf(key));
  if (!open) {
    const own = now.a === row ? "A" : now.b === row ? "B" : "";
    return own ? <b class="accent matrix-letter">{own}</b> : null;
  }
  return (
    <span class="matrix-letters">
      {(["a", "b"] as const).map((letter) => {
        const [sign, set] = [letter.toUpperCase(), now[letter] === row];
        const early = letter === "b" && first === null;
        const title = set
          ? `${nameOf(row)} is ${sign}. Click to take the letter away.`
          : letter === "a"
            ? `Make ${name(row)} A, to sort by it or compare it with B`
            : early
              ? "Choose A first, on another row"
              : `Make ${name(row)} B, to compare it with ${name(first ?? row)}`;
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
              else chooseLetter(letter, row);
            }}
          >
            {sign}
          </button>
        );
      })}
    </span>
  );
}
