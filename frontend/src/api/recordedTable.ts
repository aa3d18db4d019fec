/** Pages of the recorded table, and the table as CSV. */

import { notHere } from "./packs";
import { compared, LONGEST, microseconds } from "./recordedValues";
import type { Cell, Snapshot, Table, TableQuery, TableRow } from "./types";

/** As the route `table` answers: pinned instances first, missing values last, ties as they were. `exact`: with infinities. */
export function pageOf(
  rows: readonly TableRow[],
  exact: readonly TableRow[],
  { sample_size, columns }: Snapshot,
  { indices, order, descending, offset, limit }: TableQuery,
  chosen?: Int32Array,
): Table {
  const every = indices ?? [...rows.keys()].map((_, place) => (sample_size + place) % rows.length);
  const inside = chosen && new Set(chosen);
  const wanted = every.filter((index) => !inside || inside.has(index)).map((index) => exact[index]!);
  if (order !== undefined) {
    const column = columns.find(({ name }) => name === order);
    if (order !== "row" && !column) throw notHere();
    const sign = descending ? -1 : 1;
    const key = ({ [order]: value = null }: TableRow): Cell => (column?.type === "time" ? microseconds(value) : value);
    wanted.sort((a, b) => {
      const [one, other] = [key(a), key(b)];
      if (one === null || other === null) return Number(one === null) - Number(other === null);
      return sign * compared(one, other);
    });
  }
  return { total: wanted.length, rows: wanted.slice(offset, offset + limit).map(({ row }) => rows[row]!) };
}

/** For spreadsheets, as the route `export` writes it: texts that would be formulas are escaped. */
export function csvOf(rows: readonly TableRow[], { columns }: Snapshot): string {
  // In the order of the table: of an object, keys that are numbers come first.
  const there = new Set(rows.flatMap((row) => Object.keys(row)));
  const names = ["row", ...columns.map(({ name }) => name)].filter((name) => there.has(name));
  const line = (values: readonly Cell[]): string => `${values.map(cellOf).join(",")}\r\n`;
  return [names, ...rows.map((row) => names.map((name) => row[name] ?? null))].map(line).join("");
}

function cellOf(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  if (value.length > LONGEST) throw notHere();
  const inert = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
