/** Completions of the subset language at the caret. */

import type { ColumnInfo, LayerInfo, Vocabulary } from "../api/types";
import { searchExpressions } from "./buildExpression";
import { type Token, tokenize } from "./tokenize";

/**
 * What can be completed at the caret: a name, a value of a column, or a layer. A completion replaces `start` to `end`.
 */
export interface Place {
  kind: "name" | "value" | "layer";
  start: number;
  end: number;
  /** The text before the caret, without quotes. */
  prefix: string;
  column: string | null;
}

export interface Completion {
  /** The text to insert. */
  text: string;
  label: string;
  /** Shown beside it: the column's type, the value's frequency, or a function's signature. */
  detail: string;
  /** Position of the caret after insertion, from the start of the inserted text. */
  caret: number;
  /** It replaces all that is typed. */
  whole?: true;
}

const COMPARED = new Set(["==", "!="]);
const WORDS = ["and", "or", "not", "in"];
const PLAIN = /^[\p{L}_][\p{L}\p{N}_]*$/u;
const MOST = 12;

/** What can be completed at the caret; null if nothing can. */
export function placeAt(text: string, caret: number): Place | null {
  const all = tokenize(text);
  const tokenAtCaret = all.find(
    ({ kind, start, text: word }) => kind !== "space" && start < caret && caret <= start + word.length,
  );
  const before = all.filter(({ kind, start }) => kind !== "space" && start < (tokenAtCaret?.start ?? caret));
  const word = tokenAtCaret && (tokenAtCaret.kind === "operator" ? null : tokenAtCaret);
  if (tokenAtCaret?.kind === "operator") before.push(tokenAtCaret);
  if (word?.kind === "string") {
    const closed = word.text.length > 1 && word.text.endsWith(word.text[0]!);
    if (closed && caret === word.start + word.text.length) return null;
    const column = columnBefore(before);
    const layer = inNeuron(before);
    return column === null && !layer
      ? null
      : {
          kind: layer ? "layer" : "value",
          start: word.start,
          end: word.start + word.text.length,
          prefix: text.slice(word.start + 1, caret),
          column,
        };
  }
  if (word && word.kind !== "name" && word.kind !== "keyword" && word.kind !== "number") return null;
  const [start, end] = word ? [word.start, word.start + word.text.length] : [caret, caret];
  const prefix = text.slice(start, caret);
  const column = columnBefore(before);
  if (column !== null) return { kind: "value", start, end, prefix, column };
  if (inNeuron(before)) return { kind: "layer", start, end, prefix, column };
  return word?.kind === "number" || before.at(-1)?.text === "."
    ? null
    : { kind: "name", start, end, prefix, column: null };
}

/** Whether a layer's name is expected: after `neuron(`. */
const inNeuron = (before: readonly Token[]): boolean => before.at(-2)?.text === "neuron" && before.at(-1)?.text === "(";

/**
 * The column that a value at the end of these tokens is compared with: after `label ==`, `label in [`, `col("a b") !=`.
 */
function columnBefore(before: readonly Token[]): string | null {
  const last = before.at(-1)?.text ?? "";
  if (COMPARED.has(last)) return columnAt(before.slice(0, -1));
  let open = before.length - 1;
  while (open >= 0 && before[open]!.text !== "[") {
    if (!["string", "number"].includes(before[open]!.kind) && before[open]!.text !== ",") return null;
    open--;
  }
  if (open < 1 || (last !== "[" && last !== ",")) return null;
  if (before[open - 1]!.text === "in") {
    const negated = before[open - 2]?.text === "not";
    return columnAt(before.slice(0, open - (negated ? 2 : 1)));
  }
  const call = before
    .slice(Math.max(0, open - 3), open)
    .map(({ text }) => text)
    .join("");
  return call === ".isin(" ? columnAt(before.slice(0, open - 3)) : null;
}

function columnAt(before: readonly Token[]): string | null {
  const last = before.at(-1);
  if (last?.kind === "name") return last.text;
  const [name, open, quoted, close] = before.slice(-4);
  if (name?.text !== "col" || open?.text !== "(" || quoted?.kind !== "string" || close?.text !== ")") return null;
  return quoted.text.slice(1, -1);
}

/** Matching completions, the most likely first. None for an empty name, unless all are requested. */
export function completions(
  place: Place,
  known: Vocabulary,
  all = false,
  layers: readonly Pick<LayerInfo, "name" | "neurons">[] = [],
): Completion[] {
  if (place.kind === "layer") {
    return layers
      .filter(({ name }) => name !== place.prefix && name.toLowerCase().includes(place.prefix.toLowerCase()))
      .map(({ name, neurons }) => ({
        text: quoted(name),
        label: name,
        detail: `${neurons} neurons`,
        caret: quoted(name).length,
      }));
  }
  if (place.kind === "value") return values(place, known);
  if (place.prefix === "" && !all) return [];
  const fits = (name: string): boolean => name.toLowerCase().startsWith(place.prefix.toLowerCase());
  const columns = known.columns
    .filter(({ name }) => fits(name))
    .map(({ name, type }): Completion => {
      const text = PLAIN.test(name) ? name : `col(${quoted(name)})`;
      return { text, label: name, detail: type, caret: text.length };
    });
  const functions = known.functions
    .filter(({ name }) => fits(name))
    .map(
      ({ name, arguments: written }): Completion => ({
        text: `${name}()`,
        label: `${name}(…)`,
        detail: `${name}(${written.join(", ")})`,
        caret: name.length + 1,
      }),
    );
  const words = WORDS.filter(fits).map(
    (word): Completion => ({ text: `${word} `, label: word, detail: "", caret: word.length + 1 }),
  );
  const candidates = [...columns, ...functions, ...words].slice(0, all ? undefined : MOST);
  return candidates.length === 1 && candidates[0]!.text === place.prefix ? [] : candidates;
}

function values({ column, prefix }: Place, known: Vocabulary): Completion[] {
  const columnInfo = known.columns.find(({ name }) => name === column);
  if (!columnInfo) return [];
  if (columnInfo.type === "number" && columnInfo.values.length === 0) {
    if (prefix !== "" || columnInfo.min === null || columnInfo.max === null) return [];
    const [low, , middle, , high] = columnInfo.quantiles;
    const points: [string, number | null | undefined][] = [
      ["least", columnInfo.min],
      ["5 %", low],
      ["median", middle],
      ["95 %", high],
      ["most", columnInfo.max],
    ];
    return points
      .filter((point): point is [string, number] => typeof point[1] === "number")
      .map(([label, value]) => ({ text: plain(value), label: plain(value), detail: label, caret: plain(value).length }))
      .filter(({ text }, i, list) => list.findIndex((other) => other.text === text) === i);
  }
  if (columnInfo.type === "time") {
    const points: [string, string | null | undefined][] = [
      ["earliest", columnInfo.min],
      ["median", columnInfo.quantiles[2]],
      ["latest", columnInfo.max],
    ];
    return points
      .filter((point): point is [string, string] => typeof point[1] === "string" && point[1].startsWith(prefix))
      .map(([label, value]) => ({ text: quoted(value), label: value, detail: label, caret: quoted(value).length }))
      .filter(({ text }, i, list) => list.findIndex((other) => other.text === text) === i);
  }
  const all: readonly { value: string | number | boolean; count: number }[] = columnInfo.values;
  const fitting = all.filter(({ value }) => String(value).toLowerCase().startsWith(prefix.toLowerCase()));
  if (fitting.length === 1 && String(fitting[0]!.value) === prefix) return [];
  return fitting.slice(0, MOST).map(({ value, count }) => {
    const text =
      typeof value === "boolean"
        ? value
          ? "True"
          : "False"
        : typeof value === "number"
          ? String(value)
          : quoted(value);
    return { text, label: String(value), detail: count.toLocaleString("en"), caret: text.length };
  });
}

const plain = (value: number): string => String(Number(value.toPrecision(4)));

/** A string literal of the language. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n").replace(/\r/g, "\\r")}"`;
}

/** Words that are no expression, as the search they may mean. */
export function searches(text: string, columns: readonly Pick<ColumnInfo, "name" | "type">[]): Completion[] {
  return searchExpressions(text, columns).map((found) => ({
    text: found,
    label: found,
    detail: found.startsWith("id ==") ? "the instance" : "search",
    caret: found.length,
    whole: true,
  }));
}

/** The expression after a completion, and the new position of the caret. */
export function complete(text: string, place: Place, completion: Completion): { text: string; caret: number } {
  if (completion.whole) return { text: completion.text, caret: completion.caret };
  return {
    text: text.slice(0, place.start) + completion.text + text.slice(place.end),
    caret: place.start + completion.caret,
  };
}
