/** Values of recorded tables, in the order that the server has them in. */

import type { Cell, Columns, TableRow } from "./types";

/** The longest text of a table; longer ones are cut there, and nothing is known of their rest. */
export const LONGEST = 2000;
const MOMENT = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{3}|\d{6}))?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Below zero, 0 or above it, as the first of two values of one type is less, the same or more. Texts by code points. */
export function compared(a: NonNullable<Cell>, b: NonNullable<Cell>): number {
  if (typeof a !== "string" || typeof b !== "string") return Number(a) - Number(b) || Number(a > b) - Number(a < b);
  const end = Math.min(a.length, b.length);
  for (let index = 0; index < end; index++) {
    const [one, other] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (one !== other) return rank(one) - rank(other);
  }
  return a.length - b.length;
}

/** Halves of pairs, which are code points beyond 16 bits, come after all others. */
const rank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);

/** Microseconds since 1970 of a moment in ISO 8601, in UTC where it names no zone; null for what is none. */
export function microseconds(text: Cell): number | null {
  const [, day, minute = "00:00", second = "00", fraction = "", zone = "Z"] = MOMENT.exec(String(text)) ?? [];
  const milliseconds = day === undefined ? NaN : Date.parse(`${day}T${minute}:${second}${zone}`);
  return Number.isNaN(milliseconds) ? null : milliseconds * 1000 + Number(fraction.padEnd(6, "0"));
}

/** Rows to compute with: JSON knows no infinity, but the arrays of numbers do. The same rows where there is none. */
export function withInfinities(rows: readonly TableRow[], columns: Columns): readonly TableRow[] {
  const { score, loss, label_score, label, prediction, extra } = columns;
  const known = { score, loss, label_score, label, prediction };
  const arrays = [...Object.entries(known), ...Array.from(extra, ([name, { values }]) => [name, values] as const)];
  const odd = arrays.filter(([, values]) => values.some((value) => Math.abs(value) === Infinity));
  if (odd.length === 0) return rows;
  return rows.map((row, index) => {
    const changed = { ...row };
    for (const [name, values] of odd) if (Math.abs(values[index]!) === Infinity) changed[name] ??= values[index]!;
    return changed;
  });
}
