/** Directions of rows in layers, each of them as one more neuron: what points are coloured and listed by. */

import type { SnapshotRef } from "../api/source";
import type { Concept, RowQuery } from "../api/types";
import { currentSource, layers, ofShown } from "./data";
import { perName, Requests } from "./loads";
import { alongRow, parseRowKey } from "./rowKeys";
import { rowQuery } from "./rows";
import { panel } from "./view";

type Asked = { layer: string; row: RowQuery };

export const concepts = new Requests(
  ({ layer, row, ...where }: SnapshotRef & Asked, abort): Promise<Concept> =>
    currentSource().concept(where, layer, row, abort),
);

/** The direction that the points of a layer are coloured by. */
export const conceptOfPanel = perName((layer) =>
  ofShown(() => {
    const key = alongRow(panel(layer).colour.value);
    return key !== null && layers.value.has(layer) ? { layer, row: rowQuery(parseRowKey(key)!) } : null;
  }, concepts),
);
