/** A text as it is. What the typed expression looks for is marked; where the instance is a token, that is bold. */

import type { JSX } from "preact";
import { firstMatch, markedPart, textWindow, visibleToken } from "../../layout/textWindow";
import { typedWords } from "../../state/typed";

export interface Shown {
  text: string;
  /** Letters that are seen at once, so that a longer text opens at the first match; without it, all of the text. */
  room?: number | undefined;
}

export function PlainText({ text, room = Infinity }: Shown): JSX.Element {
  const words = typedWords.value.filter((word) => word !== "" && text.includes(word));
  const token = markedPart(text);
  if (token) {
    // The token is in sight, whatever else is looked for.
    const from = Math.max(0, token.before.length - Math.floor((room - token.token.length) / 2));
    const cut = from > 0 ? `…${token.before.slice(token.before.indexOf(" ", from) + 1 || from)}` : token.before;
    return (
      <>
        <PlainText text={cut} />
        <b class="token">{visibleToken(token.token)}</b>
        <PlainText text={token.after} />
      </>
    );
  }
  const shown = textWindow(text, firstMatch(text, words), room);
  if (words.length === 0) return <>{shown}</>;
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`);
  return <>{shown.split(pattern).map((part, i) => (i % 2 === 1 ? <mark key={i}>{part}</mark> : part))}</>;
}
