/**
 * Keys of rows: strings that identify a row in hover, sort, selection and address. Only this module knows their format.
 */

/** The key of a row: "s:" and a subset's name, "e:" and an expression, or "i:" and an instance's index. */
export type RowKey = `s:${string}` | `e:${string}` | `i:${number}`;

/** A row of the matrices. */
export type Row =
  | { kind: "subset"; name: string }
  /** `colour`: its index into the palette of the classes. */
  | { kind: "expression"; expression: string; name?: string; colour?: number }
  | { kind: "instance"; index: number };

export const subsetKey = (name: string): RowKey => `s:${name}`;
export const expressionKey = (expression: string): RowKey => `e:${expression}`;
export const instanceKey = (index: number): RowKey => `i:${index}`;

export function rowKey(row: Row): RowKey {
  switch (row.kind) {
    case "subset":
      return subsetKey(row.name);
    case "expression":
      return expressionKey(row.expression);
    case "instance":
      return instanceKey(row.index);
  }
}

/** The row of a key, without name and colour of an expression; null if the text is not a key. */
export function parseRowKey(text: string): Row | null {
  const rest = text.slice(2);
  if (text.startsWith("s:")) return { kind: "subset", name: rest };
  if (text.startsWith("e:")) return { kind: "expression", expression: rest };
  if (text.startsWith("i:") && /^\d+$/.test(rest)) return { kind: "instance", index: Number(rest) };
  return null;
}

export const isRowKey = (text: unknown): text is RowKey => typeof text === "string" && parseRowKey(text) !== null;

/** "along:" and the key of a set: its direction, to colour or project by. The key; null for another text. */
export const alongRow = (text: unknown): RowKey | null => {
  const key = String(text).slice(6);
  return String(text).startsWith("along:") && isRowKey(key) && !isInstanceKey(key) ? key : null;
};

/** The instance of a key; null for the key of a subset. */
export function instanceOfKey(key: RowKey): number | null {
  const row = parseRowKey(key);
  return row?.kind === "instance" ? row.index : null;
}

export const isInstanceKey = (key: RowKey): boolean => instanceOfKey(key) !== null;

export const isExpressionKey = (key: RowKey): boolean => parseRowKey(key)?.kind === "expression";

/** The name of the declared subset of a key; null for other rows. */
export function subsetOfKey(key: RowKey): string | null {
  const row = parseRowKey(key);
  return row?.kind === "subset" ? row.name : null;
}
