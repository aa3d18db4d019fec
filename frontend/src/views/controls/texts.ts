/** Texts of instances that a view lists. */

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { contentText, hasTexts, tableOf } from "../../state/data";

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
  return new Map((table.value.value?.rows ?? []).map((one) => [one.row, contentText(one)]));
}
