/** Projections of the snapshot shown: PCA at once, t-SNE followed while the server computes it. */

import { signal } from "@preact/signals";
import type { SnapshotRef } from "../api/source";
import { ApiError, type Projection, type ProjectionMethod, type RowQuery } from "../api/types";
import { isThinned } from "./currentSnapshot";
import { checkKept, currentSource, ofShown } from "./data";
import { perName, Requests, type Resource } from "./loads";
import { alongRow, parseRowKey } from "./rowKeys";
import { rowQuery } from "./rows";
import { type Method, panel } from "./view";

/** `row`: of the method "direction", what x is the direction of. */
export interface ProjectedBy {
  method: ProjectionMethod;
  row?: RowQuery;
}

export interface ProjectionQuery extends SnapshotRef, ProjectedBy {
  layer: string;
  /** Aligned with the layout of this snapshot. */
  like?: SnapshotRef;
}

export const projections = new Requests(
  ({ layer, method, row, like, ...where }: ProjectionQuery, abort) =>
    followProjection(where, layer, { method, row }, abort, like),
  64,
);

/** How the server is asked for a method. */
export function askedBy(method: Method): ProjectedBy {
  const along = alongRow(method);
  return along ? { method: "direction", row: rowQuery(parseRowKey(along)!) } : { method: method as "pca" };
}

const ofLayer = (layer: string, method: () => Method | null): Resource<ProjectionQuery, Projection> =>
  ofShown(() => {
    const by = method();
    return by && { layer, ...askedBy(by) };
  }, projections);

/** Progress of the t-SNE of a layer, 0 to 1, while it is computed. */
export const tsneProgress = signal<ReadonlyMap<string, number>>(new Map());
const TSNE_EVERY_MS = 500;

/** Starts a t-SNE and polls it until it is done. Aborting also stops it on the server. */
async function followProjection(
  where: SnapshotRef,
  layer: string,
  by: ProjectedBy,
  abort: AbortSignal,
  like?: SnapshotRef,
): Promise<Projection> {
  checkKept(where);
  const isSlow = by.method === "tsne";
  const tell = (share: number | null): void => {
    const next = new Map(tsneProgress.peek());
    if (share === null) next.delete(layer);
    else next.set(layer, share);
    tsneProgress.value = next;
  };
  try {
    for (let start = isSlow; ; ) {
      const answer = await currentSource().projection(
        where,
        layer,
        by,
        abort,
        like && !isThinned(like) ? like : undefined,
        start ? "start" : undefined,
      );
      start = answer.state === "not_started"; // by a server that was started anew meanwhile
      if (answer.state === "done") return answer;
      if (answer.state === "cancelled") throw new ApiError("internal", "The t-SNE was cancelled elsewhere.");
      tell(answer.progress);
      // Returns at once when cancelled: the server must receive that before the same t-SNE is requested again.
      await new Promise((resolve) => {
        setTimeout(resolve, TSNE_EVERY_MS);
        abort.addEventListener("abort", resolve, { once: true });
      });
      abort.throwIfAborted();
    }
  } catch (error) {
    if (abort.aborted && isSlow)
      currentSource()
        .projection(where, layer, by, new AbortController().signal, undefined, "cancel")
        .catch(() => undefined);
    throw error;
  } finally {
    if (isSlow) tell(null);
  }
}

/** By the method chosen in the panel. */
export const projectionOf = perName((layer) => ofLayer(layer, () => panel(layer).method.value));

/** The PCA, shown as long as there is no t-SNE. */
export const pcaOf = perName((layer) => ofLayer(layer, () => "pca"));

/** The t-SNE of a layer while `wanted` is true; it is computed while another picture is shown. */
export function tsneOf(layer: string, wanted: () => boolean): Resource<ProjectionQuery, Projection> {
  return ofLayer(layer, () => (wanted() ? "tsne" : null));
}
