/** A text as tokens, with what a neuron makes of each: the ground is its value, the peak is bold. */

import type { JSX } from "preact";
import type { CellScale } from "../../api/types";
import { short } from "../../draw/format";
import { shareOf, tokenGround } from "../../draw/mapColours";
import type { ValuedMap } from "../../layout/instanceMaps";
import { piecesOf, tokenWindow } from "../../layout/tokens";
import { typedWords } from "../../state/typed";
import "../../lib/laterStyles";

interface Properties {
  map: ValuedMap;
  scale: CellScale;
  /** Letters that are seen at once: a longer text opens at the peak. Without it, all tokens that are known. */
  room?: number;
}

/** Nothing if the tokens are not known. What the typed expression looks for is marked, as in any text. */
export function TokenText({ map, scale, room = Infinity }: Properties): JSX.Element | null {
  const { tokens, values, peak, start, length } = map;
  if (!tokens) return null;
  const pieces = piecesOf(tokens);
  const [from, to] = tokenWindow(pieces, peak - start, room);
  const words = typedWords.value.filter((word) => word !== "");
  return (
    <span class="tokens">
      {start + from > 0 && <span class="second">…&#8202;</span>}
      {pieces.slice(from, to).map(({ text, apart }, i) => {
        const [at, value] = [start + from + i, values[from + i]];
        const ground = tokenGround(shareOf(value, scale));
        const found = words.some((word) => text.includes(word));
        return (
          <>
            {apart && i > 0 && " "}
            <span
              key={at}
              class={`token${at === peak ? " peak" : ""}`}
              style={{ background: ground }}
              title={value === undefined || Number.isNaN(value) ? undefined : `${text}: ${short(value)}`}
            >
              {found ? <mark>{text}</mark> : text}
            </span>
          </>
        );
      })}
      {start + to < (length ?? 0) && <span class="second">&#8202;…</span>}
    </span>
  );
}
