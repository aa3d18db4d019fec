/** Converts rows to queries of the server, and defines by what the neurons are sorted. */

import type { RowQuery } from "../api/types";
import { expressionKey, instanceKey, type Row, type RowKey, subsetKey } from "./rowKeys";

export function rowQuery(row: Row): RowQuery {
  switch (row.kind) {
    case "subset":
      return { subset: row.name };
    case "expression":
      return { expression: row.expression };
    case "instance":
      return { instance: row.index };
  }
}

export function keyOf(row: RowQuery): RowKey {
  if ("subset" in row) return subsetKey(row.subset);
  return "expression" in row ? expressionKey(row.expression) : instanceKey(row.instance);
}

/** How the neurons are sorted; a and b are keys of rows. */
export type Sort =
  | { by: "index" }
  | { by: "strongest" }
  | { by: "clustered" }
  | { by: "row" | "effect" | "direction"; a: RowKey }
  | { by: "difference"; a: RowKey; b: RowKey };
