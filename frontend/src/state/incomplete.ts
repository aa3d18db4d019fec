/** What an expression still lacks while it is typed. Only what lacks nothing is sent to the server, which has the last word. */

import type { ColumnInfo } from "../api/types";
import { type Token, tokenize } from "./tokenize";

const CLOSED = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')$/su;
const PAIRS: Record<string, string> = { "(": ")", "[": "]" };
const COMPARES = new Set(["==", "!=", "<", "<=", ">", ">=", "in"]);
const JOINS = new Set(["and", "or", "not"]);

/** In words, what is missing at the end; null if nothing is, or if that is for the server to say. */
export function missing(text: string, columns: readonly Pick<ColumnInfo, "name" | "type">[]): string | null {
  const tokens = tokenize(text).filter(({ kind }) => kind !== "space");
  const last = tokens.at(-1);
  if (!last) return null;
  const open = tokens.find((token) => token.kind === "string" && !CLOSED.test(token.text));
  if (open) return `The text ${open.text} has no closing ${open.text[0]}.`;
  const closing: string[] = [];
  for (const { text: word } of tokens) {
    const pair = PAIRS[word];
    if (pair) closing.push(pair);
    else if (word === closing.at(-1)) closing.pop();
  }
  const ends =
    (["operator", "other"].includes(last.kind) && !")]".includes(last.text)) ||
    last.text === "in" ||
    JOINS.has(last.text);
  if (ends) return `Something is missing after “${last.text}”.`;
  if (closing.length > 0) return `A closing ${closing.at(-1)} is missing.`;
  return missingIn(operand(tokens), columns);
}

/** The tokens of the last condition: those behind the last `and`, `or` or `not` that is in no brackets. */
function operand(tokens: readonly Token[]): readonly Token[] {
  let depth = 0;
  for (let at = tokens.length - 1; at >= 0; at--) {
    const { text } = tokens[at]!;
    if (text === ")" || text === "]") depth++;
    else if (text === "(" || text === "[") depth--;
    else if (depth === 0 && JOINS.has(text) && tokens[at + 1]?.text !== "in") return tokens.slice(at + 1);
  }
  return tokens;
}

function missingIn(tokens: readonly Token[], columns: readonly Pick<ColumnInfo, "name" | "type">[]): string | null {
  const [first, last] = [tokens[0], tokens.at(-1)];
  if (!first || !last) return null;
  if (last.kind === "name" && tokens.at(-2)?.text !== ".") {
    const column = columns.find(({ name }) => name === last.text);
    if (!column) return notAColumn(last.text, columns);
    if (tokens.length === 1 && column.type !== "boolean")
      return `“${last.text}” must be compared with a value, as in ${last.text} ${column.type === "number" ? "> 0.5" : '== "…"'}.`;
  }
  if (tokens.length === 1 && (last.kind === "number" || last.kind === "string"))
    return `${last.text} must be compared with a column.`;
  // In brackets of its own, a condition is complete when what it holds is.
  if (first.text === "(" && last.text === ")" && outer(tokens)) return missingIn(operand(tokens.slice(1, -1)), columns);
  const whole = last.text === ")" || last.kind === "keyword" || tokens.some(({ text }) => COMPARES.has(text));
  return whole || last.kind === "name" ? null : "A comparison is missing, such as > 0.5.";
}

/** Whether the first bracket is closed by the last token. */
function outer(tokens: readonly Token[]): boolean {
  let depth = 0;
  return tokens.every(({ text }, at) => {
    if (text === "(") depth++;
    if (text === ")") depth--;
    return depth > 0 || at === tokens.length - 1;
  });
}

function notAColumn(word: string, columns: readonly Pick<ColumnInfo, "name">[]): string {
  const near =
    columns.find(({ name }) => name.startsWith(word)) ?? columns.find(({ name }) => distance(name, word) <= 2);
  return `There is no column “${word}”.${near ? ` Did you mean ${near.name}?` : ""}`;
}

/** Of Levenshtein: letters to insert, remove or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + Number(a[i - 1] !== b[j - 1]));
    row = next;
  }
  return row[b.length]!;
}
