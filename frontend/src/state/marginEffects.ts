/** Effects of neurons on margins: of the row that a matrix is sorted by, and of the subset in the drawer. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { SnapshotRef } from "../api/source";
import type { RowEffects, RowQuery } from "../api/types";
import { checkKept, currentSource, ofShown, rows, snapshot } from "./data";
import { sort } from "./derived";
import { perName, Requests, type Resource } from "./loads";
import { rowKey } from "./rowKeys";
import { rowQuery } from "./rows";

type Asked = { layer: string; row: RowQuery };

const effects = new Requests(async ({ layer, row, ...where }: SnapshotRef & Asked, abort): Promise<RowEffects> => {
  checkKept(where);
  return currentSource().effects(where, layer, row, abort);
}, 48);

/** Whether there can be margins: of instances with one class each. In a comparison they are those of the first. */
export const hasEffects: ReadonlySignal<boolean> = computed(() => snapshot.value.value?.task === "classification");

export const effectsOf = (subject: () => Asked | null): Resource<SnapshotRef & Asked, RowEffects> =>
  ofShown(() => (hasEffects.value ? subject() : null), effects);

/** The effects on the row that the neurons of a layer are sorted by. */
export const sortedEffectsOf = perName((layer) =>
  effectsOf(() => {
    const rule = sort.value;
    const row = (rule.by === "row" || rule.by === "effect") && rows.value.find((one) => rowKey(one) === rule.a);
    return row ? { layer, row: rowQuery(row) } : null;
  }),
);
