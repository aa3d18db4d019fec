/** Facets of recorded columns, with counts of an expression's instances made here. */

import { notHere } from "./packs";
import { microseconds } from "./recordedValues";
import type { FacetQuery } from "./source";
import type { Cell, Facet, Facets, TableRow } from "./types";

/** As many columns and values of each as the server gives by itself; of values, more are recorded. */
const [FIRST, VALUES] = [8, 50];

/** As the route `facets` answers. `members`: those of the expression, of the sample; undefined without one. */
export function recordedFacets(
  known: Facets,
  { columns, search }: FacetQuery,
  table: readonly TableRow[],
  members?: readonly number[],
): Facets {
  const wanted = columns ?? known.names.slice(0, FIRST);
  const found = wanted.map((name): Facet => {
    const facet = known.columns.find((one) => one.name === name);
    if (!facet) throw notHere();
    const values = members?.map((index): Cell => table[index]?.[name] ?? null);
    return narrowed(values ? counted(facet, values) : facet, search ?? "");
  });
  return { ...known, count: members?.length ?? known.count, columns: found };
}

function counted(facet: Facet, values: readonly Cell[]): Facet {
  if (facet.type === "values") {
    // The table has the parts of a list as one text.
    if (facet.kind === "list" && facet.values.some(({ value }) => String(value).includes(", "))) throw notHere();
    const each = new Map<Cell, number>();
    for (const value of values)
      for (const one of facet.kind === "list" ? String(value ?? "").split(", ") : [value])
        each.set(one, (each.get(one) ?? 0) + 1);
    return { ...facet, values: facet.values.map((one) => ({ ...one, matching: each.get(one.value) ?? 0 })) };
  }
  const matching = new Array<number>(Math.max(0, facet.edges.length - 1)).fill(0);
  const number = (value: Cell): Cell => (facet.type === "time" ? microseconds(value) : value);
  const edges = facet.edges.map(number);
  for (const value of values.map(number)) {
    if (value === null || matching.length === 0) continue;
    const at = edges.findLastIndex((edge) => edge !== null && edge <= value);
    matching[Math.max(0, Math.min(matching.length - 1, at))]!++;
  }
  return { ...facet, matching };
}

/** Only the values that contain what is typed. */
function narrowed(facet: Facet, search: string): Facet {
  if (facet.type !== "values") return facet;
  if (search === "") return { ...facet, values: facet.values.slice(0, VALUES) };
  // Among those that are not recorded there may be some that contain it.
  if (facet.values.length < facet.distinct) throw notHere();
  const text = search.toLowerCase();
  const values = facet.values.filter(({ value }) => String(value).toLowerCase().includes(text));
  return {
    ...facet,
    values: values.slice(0, VALUES),
    distinct: facet.kind === "boolean" ? values.length : facet.distinct,
  };
}
