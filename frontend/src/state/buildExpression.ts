/** Builds expressions of the subset language from rows, instances and ranges. */

import type { ColumnInfo } from "../api/types";
import { tokenize } from "./tokenize";

/** The longest list that the language allows. */
export const MOST_IDS = 10_000;

/**
 * An expression for exactly these instances, by id; by excluding the others where those are fewer. Null when both lists
 * are too long.
 */
export function idExpression(ids: readonly string[], others: readonly string[], numeric: boolean): string | null {
  const list = (named: readonly string[]): string =>
    `id in [${named.map((id) => (numeric ? id : JSON.stringify(id))).join(", ")}]`;
  if (ids.length <= MOST_IDS) return list(ids);
  return others.length <= MOST_IDS ? `not (${list(others)})` : null;
}

export type Joint = "and" | "or" | "and not";

/** Combines two subsets, with parentheses only where they are needed. */
export function combined(a: string, joint: Joint, b: string): string {
  return `${enclosed(a)} ${joint} ${enclosed(b)}`;
}

export function negated(expression: string): string {
  return `not ${enclosed(expression)}`;
}

/** A column's name as the language writes it: col("…") unless it is an identifier. */
export const columnName = (name: string): string =>
  /^[A-Za-z_]\w*$/.test(name) ? name : `col(${JSON.stringify(name)})`;

const isClassColumn = (name: string): boolean => name === "label" || name === "prediction";

/** What words that are no expression may ask for: an id, as "#814" or a number, or a part of the text. */
export function searchExpressions(typed: string, columns: readonly Pick<ColumnInfo, "name" | "type">[]): string[] {
  const text = typed.trim();
  if (text === "" || /[=<>()[\]"']|\b(and|or|not|in)\b/.test(text)) return [];
  if (columns.some(({ name, type }) => type === "boolean" && name === text)) return [];
  const found: string[] = [];
  const id = columns.find(({ name }) => name === "id");
  const number = /^#?(\d+)$/.exec(text)?.[1];
  if (id && number !== undefined && id.type !== "text") found.push(`id == ${number}`);
  if (id?.type === "text" && /^[\w#.-]+$/.test(text)) found.push(`id == ${JSON.stringify(text)}`);
  const words = columns.filter(({ name, type }) => type === "text" || (type === "category" && !isClassColumn(name)));
  for (const { name } of words) if (name !== "id") found.push(`${JSON.stringify(text)} in ${columnName(name)}`);
  return found;
}

/** A range of a neuron's activation; null is an open end. */
export function rangeExpression(layer: string, neuron: number, from: string | null, to: string | null): string {
  const value = `neuron(${JSON.stringify(layer)}, ${neuron})`;
  if (from === null) return to === null ? `not isnull(${value})` : `${value} < ${to}`;
  return to === null ? `${value} >= ${from}` : `${from} <= ${value} < ${to}`;
}

/** A single comparison needs no parentheses. */
function enclosed(expression: string): string {
  const joined = tokenize(expression).some(
    ({ kind, text }) => kind === "keyword" && (text === "and" || text === "or" || text === "not"),
  );
  return joined ? `(${expression.trim()})` : expression.trim();
}
