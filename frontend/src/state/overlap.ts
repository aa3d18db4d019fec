/** How many instances a row shares with the others. */

import type { SnapshotRef } from "../api/source";
import type { Overlap, RowQuery } from "../api/types";
import { currentSource, ofShown, rows, snapshot } from "./data";
import { Requests, type Resource } from "./loads";
import { parseRowKey, type RowKey, rowKey } from "./rowKeys";
import { rowQuery } from "./rows";

const overlaps = new Requests(
  ({ row, rows: others, ...where }: SnapshotRef & { row: RowQuery; rows: RowQuery[] }, abort): Promise<Overlap> =>
    currentSource().overlap(where, row, others, abort),
  64,
);

/** Of a subset with the other subsets among the rows of the matrices; not with all instances, in which each is. */
export function overlapOf(
  subject: () => RowKey | null,
): Resource<SnapshotRef & { row: RowQuery; rows: RowQuery[] }, Overlap> {
  return ofShown(() => {
    const key = subject();
    const row = key && parseRowKey(key);
    if (!row || row.kind === "instance") return null;
    const all = snapshot.value.value?.subsets.find(({ kind }) => kind === "all")?.name;
    const others = rows.value.filter(
      (other) => other.kind !== "instance" && rowKey(other) !== key && !(other.kind === "subset" && other.name === all),
    );
    return others.length > 0 ? { row: rowQuery(row), rows: others.map(rowQuery) } : null;
  }, overlaps);
}
