/** Whether the help sheet is open, and the term that is explained where the pointer rests. */

import { signal } from "@preact/signals";
import type { Box } from "../layout/tooltipPlace";

/** Terms that are explained; `views/help/glossary.ts` has what they mean. */
export type TermName =
  | "activation"
  | "activation norm"
  | "activation RMS"
  | "AUC"
  | "CKA"
  | "busiest expert"
  | "clipped"
  | "clusters"
  | "collapsed"
  | "concept"
  | "confusion"
  | "constant"
  | "dead"
  | "dead share"
  | "decodable"
  | "drift"
  | "duplicates"
  | "effect of zero"
  | "effect on the margin"
  | "effect size"
  | "error region"
  | "exact"
  | "exploding"
  | "failing slice"
  | "false discovery"
  | "gradient"
  | "kept"
  | "kurtosis"
  | "label score"
  | "label suspect"
  | "loss"
  | "nearest mean"
  | "never above zero"
  | "nonfinite"
  | "p-value"
  | "paired"
  | "PCA"
  | "peak"
  | "range"
  | "rank error"
  | "score"
  | "share active"
  | "shortcut"
  | "spatial mean"
  | "spike"
  | "standard deviation"
  | "strength"
  | "strip"
  | "t-SNE"
  | "update"
  | "z over the rows"
  | "z within a class";

/** The open sheet; with a term, that one is in sight. */
export const help = signal<{ term: TermName | null } | null>(null);

/** The term that is explained, beside the word that was pointed at. */
export const explained = signal<{ term: TermName; anchor: Box } | null>(null);

export function toggleHelp(): void {
  help.value = help.peek() ? null : { term: null };
}

/** Time on a word before it is explained, and on the way to its explanation before that goes. */
const REST_MS = 300;
let timer: ReturnType<typeof setTimeout> | undefined;

export function explain(term: TermName, anchor: Box): void {
  clearTimeout(timer);
  timer = setTimeout(() => (explained.value = { term, anchor }), REST_MS);
}

/** The pointer is on the explanation: it stays. */
export function stay(): void {
  clearTimeout(timer);
}

export function leave(): void {
  clearTimeout(timer);
  timer = setTimeout(() => (explained.value = null), REST_MS);
}
