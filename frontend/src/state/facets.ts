/** The facets: how columns are distributed over all kept instances, and over those of the typed expression. */

import { signal } from "@preact/signals";
import type { FacetQuery, SnapshotRef } from "../api/source";
import type { Facets } from "../api/types";
import { currentSource, shownSnapshot } from "./data";
import { type Chosen, type ColumnKind, chosenOf, conditions, withChosen } from "./facetExpression";
import { Requests, type Resource, resource } from "./loads";
import { shownExpression, typedLacks } from "./typed";
import { expression } from "./view";

/** `find`: instead of columns, what their names contain; empty for those that are named, or the first ones. */
type Query = SnapshotRef & FacetQuery & { find: string };

/** As many as the server gives by itself. */
const MOST = 8;

/** What is typed to find columns by their names. */
export const columnSearch = signal("");
/** What is typed to find values, by column. */
export const valueSearch = signal<ReadonlyMap<string, string>>(new Map());

/** The columns of the snapshot that was asked last. */
let known: SnapshotRef & { names: readonly string[] } = { run: "", step: 0, names: [] };

const requests = new Requests(async ({ run, step, find, ...query }: Query, abort): Promise<Facets> => {
  const ask = async (of: FacetQuery): Promise<Facets> => {
    const answer = await currentSource().facets({ run, step }, of, abort);
    known = { run, step, names: answer.names };
    return answer;
  };
  if (!find) return ask(query);
  const names = known.run === run && known.step === step ? known.names : (await ask({})).names;
  return ask({ ...query, columns: names.filter((name) => name.toLowerCase().includes(find)).slice(0, MOST) });
}, 64);

/** The columns shown: the first ones, or those whose names contain what is typed. */
export const facets: Resource<Query, Facets> = resource(() => {
  const expression = shownExpression.value;
  return (
    shownSnapshot.value && {
      ...shownSnapshot.value,
      ...(expression !== "" && { expression }),
      find: columnSearch.value.trim().toLowerCase(),
    }
  );
}, requests);

/** Values of one column that contain what is typed there, beside the facets shown. */
export const foundValues = (column: string): Resource<Query, Facets> =>
  resource(() => {
    const [search, shown] = [valueSearch.value.get(column)?.trim(), facets.value.query];
    return search && shown ? { ...shown, find: "", columns: [column], search } : null;
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
