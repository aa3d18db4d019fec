/** What heads of attention look at. */

import type { SnapshotRef } from "../api/source";
import type { Attention } from "../api/types";
import { currentSource, ofShown } from "./data";
import { Requests, type Resource } from "./loads";

export interface HeadQuery {
  layer: string;
  head: number;
  /** Index of a pinned instance; absent: the first one. */
  index?: number;
}

const attentions = new Requests(
  ({ layer, head, index, ...where }: SnapshotRef & HeadQuery, abort): Promise<Attention> =>
    currentSource().attention(where, layer, head, index, abort),
  64,
);

/** Whether the neurons of a layer are heads of attention, or figures of these. */
export const isHeads = (layer: string): boolean => /\/heads(_\d+)?(\[\w+\])?$/.test(layer);

/** A head, and its pattern on an instance. */
export function attentionOf(query: () => HeadQuery | null): Resource<SnapshotRef & HeadQuery, Attention> {
  return ofShown(query, attentions);
}
