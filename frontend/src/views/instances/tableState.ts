/** State of the table. The server sorts and filters; only the pages in sight are fetched. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { ColumnInfo, TableQuery, TableRow } from "../../api/types";
import { alignedFormat } from "../../draw/format";
import { columns, hasTexts, snapshot, tableOf } from "../../state/data";
import { hasNumericLabels, subsetsByName } from "../../state/derived";
import { typedExpression } from "../../state/typed";
import { allOf, columnFilter, type Filter } from "./filter";

export const LINE = 24;
export const PAGE = 200;
export const typed = signal<ReadonlyMap<string, string>>(new Map());
export const order = signal<{ by: string; descending: boolean } | null>(null);
/** The first page in sight; it and the next are loaded. */
export const firstPage = signal(0);
export const filtering = signal(false);

export const shownColumns: ReadonlySignal<ColumnInfo[]> = computed(() => {
  const shown = snapshot.value.value;
  if (!shown) return [];
  const there = new Map(shown.columns.map((column) => [column.name, column]));
  // Texts first, and the id where it does not push out of sight what the model says of them.
  const first = hasTexts.value
    ? ["text", "label", "prediction", "score", "id", "label_score", "loss"]
    : ["id", "text", "label", "prediction", "score", "label_score", "loss"];
  const known = first.flatMap((name) => there.get(name) ?? []);
  return [...known, ...shown.columns.filter(({ name }) => !first.includes(name) && name !== "correct")];
});

const classTest = (name: string): string | null => {
  const subset = subsetsByName.value.get(name);
  return subset?.kind === "class" ? subset.expression : null;
};
const filters: ReadonlySignal<ReadonlyMap<string, Filter>> = computed(
  () =>
    new Map([
      ["", typedExpression.value === "" ? null : { expression: typedExpression.value }],
      ...shownColumns.value.map((column): [string, Filter] => [
        column.name,
        columnFilter(column, typed.value.get(column.name) ?? "", classTest),
      ]),
    ]),
);

/** The expression of all filters, also for the download; null: everything. */
export const tableExpression: ReadonlySignal<string | null> = computed(() => allOf([...filters.value.values()]));

const page =
  (odd: number): (() => TableQuery) =>
  () => {
    const first = firstPage.value;
    const own = first % 2 === odd ? first : first + 1;
    const rule = order.value;
    return {
      ...(tableExpression.value ? { expression: tableExpression.value } : {}),
      ...(rule ? { order: rule.by, descending: rule.descending } : {}),
      offset: own * PAGE,
      limit: PAGE,
    };
  };
export const even = tableOf(page(0));
export const odd = tableOf(page(1));

/** A line of the table, if its page is loaded. */
export function rowAt(line: number): TableRow | undefined {
  const { value, query } = (Math.floor(line / PAGE) % 2 === 0 ? even : odd).value;
  return value && query && line >= query.offset ? value.rows[line - query.offset] : undefined;
}

/** Title of a column. */
export const title = (name: string): string => ({ prediction: "pred.", label_score: "p(label)" })[name] ?? name;
/** Why a column's filter is invalid. */
export const wrongOf = (name: string): string | undefined => {
  const filter = filters.value.get(name);
  return filter && "wrong" in filter ? filter.wrong : undefined;
};
export const isNumber = ({ type, name }: ColumnInfo): boolean =>
  type === "number" &&
  name !== "id" &&
  (hasNumericLabels(snapshot.value.value?.task) || (name !== "label" && name !== "prediction"));

/** Number formats of the columns, with common decimals. */
export const written = computed(() => {
  const known = columns.value.value;
  return new Map(
    shownColumns.value.map(({ name }) => [
      name,
      alignedFormat(known?.[name as "loss"] ?? known?.extra.get(name)?.values ?? []),
    ]),
  );
});
