/** The text of an instance, wherever one is shown: what the typed expression looks for is marked. */

import type { JSX } from "preact";
import { firstMatch, textWindow } from "../../layout/textWindow";
import { typedWords } from "../../state/typed";

/** `room`: letters that are seen at once, so that a longer text opens at the first match; without it, all of the text. */
export function InstanceText({ text, room = Infinity }: { text: string; room?: number }): JSX.Element {
  const words = typedWords.value.filter((word) => word !== "" && text.includes(word));
  const shown = textWindow(text, firstMatch(text, words), room);
  if (words.length === 0) return <>{shown}</>;
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`);
  return <>{shown.split(pattern).map((part, i) => (i % 2 === 1 ? <mark key={i}>{part}</mark> : part))}</>;
}
