/** Prediction by depth: what is read after each block of an instance, and how often that is right over the steps. */

import type { SnapshotRef } from "../api/source";
import type { Depth, DepthHistory } from "../api/types";
import { currentSource, shownSnapshot, snapshot } from "./data";
import { Requests, type Resource, resource } from "./loads";

type DepthQuery = SnapshotRef & { index: number };

const readings = new Requests(
  ({ index, ...at }: DepthQuery, abort): Promise<Depth> => currentSource().depth(at, index, abort),
  64,
);
const histories = new Requests(
  (at: SnapshotRef, abort): Promise<DepthHistory> => currentSource().depthHistory(at, abort),
  16,
);

/** The snapshot that is shown, if it has prediction by depth. */
const place = (): SnapshotRef | null => (snapshot.value.value?.depth ? shownSnapshot.value : null);

export function depthOf(index: number): Resource<DepthQuery, Depth> {
  return resource(() => {
    const at = place();
    return at && { ...at, index };
  }, readings);
}

export const depthOverSteps = (): Resource<SnapshotRef, DepthHistory> => resource(place, histories);
