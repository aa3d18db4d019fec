/** Texts of instances that a view lists, and what of them the typed expression asks for. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { hasTexts, tableOf } from "../../state/data";
import { typedWords } from "../../state/typed";

/** Texts by index, in one request for all that are in sight; null where the content is no text. */
export function useTexts(indices: readonly number[]): Map<number, string> | null {
  const [wanted] = useState(() => signal<readonly number[]>([]));
  const [table] = useState(() =>
    tableOf(() => {
      const visible = hasTexts.value ? wanted.value : [];
      return visible.length > 0 ? { indices: [...visible], offset: 0, limit: visible.length } : null;
    }),
  );
  const key = indices.join();
  useEffect(() => {
    wanted.value = indices;
  }, [key]);
  if (!hasTexts.value) return null;
  return new Map((table.value.value?.rows ?? []).map((one) => [one.row, typeof one.text === "string" ? one.text : ""]));
}

/** A text in which the words that the typed expression looks for are marked. */
export function Marked({ text }: { text: string }): JSX.Element {
  const words = typedWords.value.filter((word) => word !== "" && text.includes(word));
  if (words.length === 0) return <>{text}</>;
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`);
  return <>{text.split(pattern).map((part, i) => (i % 2 === 1 ? <mark key={i}>{part}</mark> : part))}</>;
}
