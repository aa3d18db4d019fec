import type { RowQuery } from "../api/types";
import { tokens } from "./expression";

/** A row of the matrices. Its key names it in hover, sort and address: the same wherever the row stands. */
export type Row =
  | { kind: "subset"; name: string }
  /** `colour`: which of the classes' colours it has; it keeps that wherever it goes. */
  | { kind: "expression"; expression: string; name?: string; colour?: number }
  | { kind: "instance"; row: number };

export type RowKey = string;

export const subsetKey = (name: string): RowKey => `s:${name}`;
export const expressionKey = (expression: string): RowKey => `e:${expression}`;
export const instanceKey = (row: number): RowKey => `i:${row}`;

export function rowKey(row: Row): RowKey {
  switch (row.kind) {
    case "subset":
      return subsetKey(row.name);
    case "expression":
      return expressionKey(row.expression);
    case "instance":
      return instanceKey(row.row);
  }
}

/** The row that a key names (without an expression's given name). */
export function rowOfKey(key: RowKey): Row | null {
  const rest = key.slice(2);
  if (key.startsWith("s:")) return { kind: "subset", name: rest };
  if (key.startsWith("e:")) return { kind: "expression", expression: rest };
  if (key.startsWith("i:") && /^\d+$/.test(rest)) return { kind: "instance", row: Number(rest) };
  return null;
}

export function rowQuery(row: Row): RowQuery {
  switch (row.kind) {
    case "subset":
      return { subset: row.name };
    case "expression":
      return { expression: row.expression };
    case "instance":
      return { instance: row.row };
  }
}

export function keyOf(row: RowQuery): RowKey {
  if ("subset" in row) return subsetKey(row.subset);
  return "expression" in row ? expressionKey(row.expression) : instanceKey(row.instance);
}

/** How the neurons are sorted; a and b are keys of rows. */
export type Sort =
  | { by: "index" }
  | { by: "strongest" }
  | { by: "clustered" }
  | { by: "row"; a: RowKey }
  | { by: "difference"; a: RowKey; b: RowKey };

/** What the language allows in one list. */
export const MOST_IDS = 10_000;

/**
 * A subset of exactly these instances, in the expression language; by the others where those are fewer. Null when both
 * are too many.
 */
export function idExpression(ids: readonly string[], others: readonly string[], numeric: boolean): string | null {
  const list = (named: readonly string[]): string =>
    `id in [${named.map((id) => (numeric ? id : JSON.stringify(id))).join(", ")}]`;
  if (ids.length <= MOST_IDS) return list(ids);
  return others.length <= MOST_IDS ? `not (${list(others)})` : null;
}

export type Joint = "and" | "or" | "and not";

/** Two subsets as one, with parentheses only where they are needed. */
export function combined(a: string, joint: Joint, b: string): string {
  return `${enclosed(a)} ${joint} ${enclosed(b)}`;
}

export function negated(expression: string): string {
  return `not ${enclosed(expression)}`;
}

/** A range of a neuron's activation; an end that is null is open. */
export function rangeExpression(layer: string, neuron: number, from: string | null, to: string | null): string {
  const value = `neuron(${JSON.stringify(layer)}, ${neuron})`;
  if (from === null) return to === null ? `not isnull(${value})` : `${value} < ${to}`;
  return to === null ? `${value} >= ${from}` : `${from} <= ${value} < ${to}`;
}

/** A comparison alone needs no parentheses. */
function enclosed(expression: string): string {
  const joined = tokens(expression).some(
    ({ kind, text }) => kind === "keyword" && (text === "and" || text === "or" || text === "not"),
  );
  return joined ? `(${expression.trim()})` : expression.trim();
}
