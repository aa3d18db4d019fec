/** The text of an instance, wherever one is shown: what the typed expression looks for is marked, the token that it is bold. */

import type { JSX } from "preact";
import { firstMatch, markedPart, textWindow } from "../../layout/textWindow";
import { typedWords } from "../../state/typed";
import { painting } from "./painting";

interface Properties {
  text: string;
  /** Letters that are seen at once, so that a longer text opens at the first match; without it, all of the text. */
  room?: number | undefined;
  /** Of the instance: the text is then painted by the selected neuron, and opens at its peak. */
  index?: number;
}

export function InstanceText({ index, ...shown }: Properties): JSX.Element {
  const code = index === undefined ? null : painting();
  const plain = <Plain {...shown} />;
  if (!code || index === undefined) return plain;
  return (
    <code.PaintedText index={index} room={shown.room ?? Infinity}>
      {plain}
    </code.PaintedText>
  );
}

function Plain({ text, room = Infinity }: Properties): JSX.Element {
  const words = typedWords.value.filter((word) => word !== "" && text.includes(word));
  const token = markedPart(text);
  if (token) {
    // The token is in sight, whatever else is looked for.
    const from = Math.max(0, token.before.length - Math.floor((room - token.token.length) / 2));
    const cut = from > 0 ? `…${token.before.slice(token.before.indexOf(" ", from) + 1 || from)}` : token.before;
    return (
      <>
        <InstanceText text={cut} />
        <b class="token">{token.token}</b>
        <InstanceText text={token.after} />
      </>
    );
  }
  const shown = textWindow(text, firstMatch(text, words), room);
  if (words.length === 0) return <>{shown}</>;
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`);
  return <>{shown.split(pattern).map((part, i) => (i % 2 === 1 ? <mark key={i}>{part}</mark> : part))}</>;
}
