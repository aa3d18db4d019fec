/** The facets: how columns are distributed over all kept instances, and over those of the typed expression. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { FacetQuery, SnapshotRef } from "../api/source";
import type { Facets } from "../api/types";
import { currentSource, shownSnapshot } from "./data";
import { type Chosen, type ColumnKind, chosenOf, conditions, withChosen } from "./facetExpression";
import { Requests, type Resource, resource } from "./loads";
import { shownExpression, typedLacks } from "./typed";
import { expression } from "./view";

type Query = SnapshotRef & FacetQuery;

/** As many as the server gives by itself. */
const MOST = 8;

/** What is typed to find columns by their names. */
export const columnSearch = signal("");
/** What is typed to find values, by column. */
export const valueSearch = signal<ReadonlyMap<string, string>>(new Map());

const requests = new Requests(
  ({ run, step, ...query }: Query, abort): Promise<Facets> => currentSource().facets({ run, step }, query, abort),
  64,
);

/** Names of all columns, as the newest answer has them. */
let names: readonly string[] = [];

const facetQuery = (query: FacetQuery): Query | null =>
  shownSnapshot.value && {
    ...shownSnapshot.value,
    ...(shownExpression.value !== "" && { expression: shownExpression.value }),
    ...query,
  };

/** The columns shown: the first ones, or those whose names contain what is typed. */
export const facets: Resource<Query, Facets> = resource(() => {
  const wanted = columnSearch.value.trim().toLowerCase();
  if (wanted === "") return facetQuery({});
  return facetQuery({ columns: names.filter((name) => name.toLowerCase().includes(wanted)).slice(0, MOST) });
}, requests);

/** All columns that can be searched for. */
export const columnNames: ReadonlySignal<readonly string[]> = computed(() => {
  names = facets.value.value?.names ?? names;
  return names;
});

/** Values of one column that contain what is typed there. */
export const foundValues = (column: string): Resource<Query, Facets> =>
  resource(() => {
    const search = valueSearch.value.get(column)?.trim() ?? "";
    return search === "" ? null : facetQuery({ columns: [column], search });
  }, requests);

export function searchValues(column: string, text: string): void {
  valueSearch.value = new Map(valueSearch.peek()).set(column, text);
}

/** What the typed expression asks of a column. */
export const chosenIn = (column: string): Chosen => chosenOf(expression.value, column);

/** Replaces what the typed expression asks of a column; a condition that is not complete yet makes way. */
export function choose(column: string, kind: ColumnKind, next: Partial<Chosen>): void {
  const typed = expression.peek();
  const base = typedLacks.peek() === null ? typed : conditions(typed).slice(0, -1).join(" and ");
  expression.value = withChosen(base, column, kind, next);
}
