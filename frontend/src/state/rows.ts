import type { RowQuery } from "../api/types";

/** A row of the matrices. Its key names it in hover, sort and address: the same wherever the row stands. */
export type Row =
  | { kind: "subset"; name: string }
  | { kind: "expression"; expression: string; name?: string }
  | { kind: "instance"; row: number };

export type RowKey = string;

export const subsetKey = (name: string): RowKey => `s:${name}`;
export const expressionKey = (expression: string): RowKey => `e:${expression}`;
export const instanceKey = (row: number): RowKey => `i:${row}`;

export function rowKey(row: Row): RowKey {
  switch (row.kind) {
    case "subset": return subsetKey(row.name);
    case "expression": return expressionKey(row.expression);
    case "instance": return instanceKey(row.row);
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
    case "subset": return { subset: row.name };
    case "expression": return { expression: row.expression };
    case "instance": return { instance: row.row };
  }
}

/** How the neurons are sorted; a and b are keys of rows. */
export type Sort =
  | { by: "index" }
  | { by: "strongest" }
  | { by: "clustered" }
  | { by: "row"; a: RowKey }
  | { by: "difference"; a: RowKey; b: RowKey };

/** A subset of exactly these instances, in the expression language. */
export function idExpression(ids: readonly string[], numeric: boolean): string {
  return `id in [${ids.map((id) => (numeric ? id : JSON.stringify(id))).join(", ")}]`;
}
