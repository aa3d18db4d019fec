/** How findings are put in short: their kind, what was counted, strength with its unit, and p. */

import type { Finding } from "../api/types";
import { fixed, integer, percent } from "./format";

/** What is listed: a finding of the server, or the main confusion, which the tab counts by itself. */
export type Listed = Omit<Finding, "kind" | "step"> & {
  kind: Finding["kind"] | "confusion";
  /** null where it was not looked for at other steps. */
  step: number | null;
};

/** Kinds whose figures are counted over everything, without a decision by chance. */
const EXACT: readonly string[] = ["duplicates", "dead", "exploding", "collapsed"];

/** "failing slice" */
export const kindWord = (kind: string): string => kind.replaceAll("-", " ");

/** The same finding at another step or in another run has the same identity. */
export const identityOf = ({ kind, subset, layer, target }: Listed): string =>
  [kind, subset ?? "", layer ?? "", target ?? ""].join("|");

/** Keys of findings, each once: two of one identity differ by their first step. */
export function keysOf(findings: readonly Listed[]): string[] {
  return findings.map((one) => (one.subset === null && one.layer ? `${identityOf(one)}|${one.step}` : identityOf(one)));
}

/** "p = .005 over 5,700 candidates, 199 shuffles." at the end of a sentence, with what follows it. */
const CHANCE = /[;,]? p = [^;]*$/;

/** How sentences of error regions begin, whose titles say it, too. */
const HERE = "Errors gather here: ";

/** What was counted, without p, and without the subject where the title begins with it. */
export function countsOf({ title, sentence }: Pick<Listed, "title" | "sentence">): string {
  const counts = sentence.replace(CHANCE, "").replace(/\.$/, "");
  if (counts.startsWith(HERE)) return counts.slice(HERE.length);
  if (counts.startsWith(`${title} `)) return counts.slice(title.length + 1);
  const [subject, ...rest] = counts.split(": ");
  return rest.length > 0 && title.toLowerCase().startsWith(subject!.toLowerCase()) ? rest.join(": ") : counts;
}

/** What is said of p: "over 5,700 candidates, 199 shuffles". */
export const chanceOf = (sentence: string): string =>
  CHANCE.exec(sentence)?.[0]
    .replace(/^[;,]? p = \S+ /, "")
    .replace(/\..*$/, "") ?? "";

/** How strong it is, with its unit: "39% of errors"; "8 of 64" neurons, where it is known how many there are. */
export function strengthOf(one: Listed, neurons?: number): string {
  const { kind, strength } = one;
  switch (kind) {
    case "failing-slice":
    case "error-region":
      return `${percent(strength, 0)} of errors`;
    case "shortcut":
      return `+${fixed(strength * 100, 0)} points`;
    case "confusion":
      return `${percent(strength, strength < 0.095 ? 1 : 0)} of class`;
    case "label-suspect":
      return `score +${fixed(strength)}`;
    case "dead":
      return neurons === undefined
        ? `${integer(one.neurons.length)} neurons`
        : `${integer(one.neurons.length)} of ${integer(neurons)}`;
    case "collapsed":
      return `${percent(Math.floor(strength * 1000) / 1000)} of variance`;
    case "spike":
      return `1 − CKA ${fixed(strength)}`;
    case "decodable":
      return `${percent(strength, 0)} known`;
    default:
      return fixed(strength);
  }
}

/** ".005", "exact", or "–" where nothing is compared with chance. */
export function chanceText({ kind, p }: Pick<Listed, "kind" | "p">): string {
  if (p === null) return EXACT.includes(kind) ? "exact" : "–";
  return p >= 1 ? "1" : fixed(p, 3).replace(/^0/, "").replace(/0+$/, "");
}

/** A part of a text; with a class, its name. */
export interface Part {
  text: string;
  class?: number;
}

const BEFORE = /(?:taken for |label = |prediction = |labelled |looks like )$/;
const AFTER = " is taken for ";

/** A text in parts, of which those that name a class say which. `names`: of the classes. */
export function withClasses(text: string, names: readonly string[]): Part[] {
  const longest = names.map((name, index) => ({ name, index })).toSorted((a, b) => b.name.length - a.name.length);
  const parts: Part[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const isNamed = BEFORE.test(text.slice(Math.max(0, at - 16), at));
    if (at > 0 && !isNamed) continue;
    const ends = (name: string): boolean =>
      isNamed ? !/\w/.test(text[at + name.length] ?? " ") : text.startsWith(AFTER, at + name.length);
    const found = longest.find(({ name }) => text.startsWith(name, at) && ends(name));
    if (!found || found.name === "") continue;
    if (at > from) parts.push({ text: text.slice(from, at) });
    parts.push({ text: found.name, class: found.index });
    at += found.name.length - 1;
    from = at + 1;
  }
  if (from < text.length) parts.push({ text: text.slice(from) });
  return parts;
}
