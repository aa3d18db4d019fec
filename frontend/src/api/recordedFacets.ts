/** Facets of recorded columns, with counts of an expression's instances made here. */

import { notHere } from "./packs";
import type { FacetQuery } from "./source";
import type { Cell, Facet, Facets, TableRow } from "./types";

/** As many as the server gives by itself. */
const FIRST = 8;

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
    const each = new Map<Cell, number>();
    for (const value of values)
      for (const one of facet.kind === "list" ? String(value ?? "").split(", ") : [value])
        each.set(one, (each.get(one) ?? 0) + 1);
    return { ...facet, values: facet.values.map((one) => ({ ...one, matching: each.get(one.value) ?? 0 })) };
  }
  const matching = new Array<number>(Math.max(0, facet.edges.length - 1)).fill(0);
  for (const value of values) {
    if (value === null || matching.length === 0) continue;
    const at = facet.edges.findLastIndex((edge) => edge <= value);
    matching[Math.max(0, Math.min(matching.length - 1, at))]!++;
  }
  return { ...facet, matching };
}

/** Only the values that contain what is typed. */
function narrowed(facet: Facet, search: string): Facet {
  if (facet.type !== "values" || search === "") return facet;
  const text = search.toLowerCase();
  return { ...facet, values: facet.values.filter(({ value }) => String(value).toLowerCase().includes(text)) };
}
