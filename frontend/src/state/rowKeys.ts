/**
 * Keys of rows: a text that names a row in hover, sort, selection and address, wherever the row stands. How a key is
 * written is known here alone: "s:" and a subset's name, "e:" and an expression, "i:" and an instance's index.
 */
export type RowKey = `s:${string}` | `e:${string}` | `i:${number}`;

/** A row of the matrices. */
export type Row =
  | { kind: "subset"; name: string }
  /** `colour`: which of the classes' colours it has; it keeps that wherever it goes. */
  | { kind: "expression"; expression: string; name?: string; colour?: number }
  | { kind: "instance"; row: number };

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

/** The row that a key names, without name and colour of an expression; null for a text that is no key. */
export function parseRowKey(text: string): Row | null {
  const rest = text.slice(2);
  if (text.startsWith("s:")) return { kind: "subset", name: rest };
  if (text.startsWith("e:")) return { kind: "expression", expression: rest };
  if (text.startsWith("i:") && /^\d+$/.test(rest)) return { kind: "instance", row: Number(rest) };
  return null;
}

export const isRowKey = (text: unknown): text is RowKey => typeof text === "string" && parseRowKey(text) !== null;

/** The instance that a key names; null for the key of a subset. */
export function instanceOfKey(key: RowKey): number | null {
  const row = parseRowKey(key);
  return row?.kind === "instance" ? row.row : null;
}

export const isInstanceKey = (key: RowKey): boolean => instanceOfKey(key) !== null;

export const isExpressionKey = (key: RowKey): boolean => parseRowKey(key)?.kind === "expression";

/** The name of the declared subset that a key names; null for other rows. */
export function subsetOfKey(key: RowKey): string | null {
  const row = parseRowKey(key);
  return row?.kind === "subset" ? row.name : null;
}
