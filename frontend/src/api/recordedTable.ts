/** Pages of the recorded table, and the table as CSV. */

import { notHere } from "./packs";
import type { Cell, Snapshot, Table, TableQuery, TableRow } from "./types";

/** As the route `table` answers: pinned instances first, missing values last, ties as they were. */
export function pageOf(
  rows: readonly TableRow[],
  { sample_size, columns }: Snapshot,
  { indices, order, descending, offset, limit }: TableQuery,
  chosen?: Int32Array,
): Table {
  const every = indices ?? [...rows.keys()].map((_, place) => (sample_size + place) % rows.length);
  const inside = chosen && new Set(chosen);
  const wanted = every.filter((index) => !inside || inside.has(index)).map((index) => rows[index]!);
  if (order !== undefined) {
    if (order !== "row" && !columns.some(({ name }) => name === order)) throw notHere();
    const sign = descending ? -1 : 1;
    wanted.sort((a, b) => {
      const [one, other] = [a[order] ?? null, b[order] ?? null];
      if (one === null || other === null) return Number(one === null) - Number(other === null);
      return sign * compared(one, other);
    });
  }
  return { total: wanted.length, rows: wanted.slice(offset, offset + limit) };
}

const compared = (a: NonNullable<Cell>, b: NonNullable<Cell>): number => (a < b ? -1 : a > b ? 1 : 0);

/** For spreadsheets, as the route `export` writes it: texts that would be formulas are escaped. */
export function csvOf(rows: readonly TableRow[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (values: readonly Cell[]): string => `${values.map(cellOf).join(",")}\r\n`;
  return [names, ...rows.map((row) => names.map((name) => row[name] ?? null))].map(line).join("");
}

function cellOf(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  const inert = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
