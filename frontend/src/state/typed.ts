/** The typed expression, as far as it can be used: everything that follows it reads this. */

import { computed, type ReadonlySignal } from "@preact/signals";
import { rows, snapshot, whereOf } from "./data";
import { missing } from "./incomplete";
import { expressionKey, type RowKey, rowKey } from "./rowKeys";
import { tokenize } from "./tokenize";
import { expression } from "./view";

/** What the typed text still lacks, in words. */
export const typedLacks: ReadonlySignal<string | null> = computed(() =>
  missing(expression.value, snapshot.value.value?.columns ?? []),
);

/** The typed expression once it is complete; empty before. */
export const typedExpression: ReadonlySignal<string> = computed(() =>
  snapshot.value.value && typedLacks.value === null ? expression.value.trim() : "",
);

let accepted = "";
/** The run that it is of: another one need not have its columns. */
let run: string | undefined;

/**
 * The typed expression whose instances are known, which may be one before the latest: what it shows stays until the new
 * one is there. Empty where there is none, or where the server refused it.
 */
export const shownExpression: ReadonlySignal<string> = computed(() => {
  const [text, now] = [typedExpression.value, snapshot.value.query?.run];
  if (now !== run) [accepted, run] = ["", now];
  const { status } = whereOf(text).value;
  if (text === "" || status === "ready" || status === "failed") accepted = status === "ready" ? text : "";
  return accepted;
});

/** The typed expression as a row, until it is one; null where it has no instances. */
export const typedRow: ReadonlySignal<RowKey | null> = computed(() => {
  const [text, key] = [shownExpression.value, expressionKey(shownExpression.value)];
  const count = whereOf(text).value.value?.count ?? 0;
  return text !== "" && count > 0 && !rows.value.some((row) => rowKey(row) === key) ? key : null;
});

/** The words that the typed expression looks for in texts: `"who" in text`. */
export const typedWords: ReadonlySignal<string[]> = computed(() => {
  const tokens = tokenize(typedExpression.value).filter(({ kind }) => kind !== "space");
  return tokens.flatMap(({ kind, text }, i) => {
    const wanted = kind === "string" && tokens[i + 1]?.text === "in" && tokens[i + 2]?.text !== "[";
    return wanted ? [text.slice(1, -1).replace(/\\(.)/g, "$1")] : [];
  });
});
