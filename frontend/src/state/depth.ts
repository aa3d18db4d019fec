/** Prediction by depth: what is read after each block of an instance, and how often that is right over the steps. */

import type { SnapshotRef } from "../api/source";
import type { Depth, DepthHistory } from "../api/types";
import { currentSource, ofShown, snapshot } from "./data";
import { Requests, type Resource } from "./loads";

type DepthQuery = SnapshotRef & { index: number };

const readings = new Requests(
  ({ index, ...at }: DepthQuery, abort): Promise<Depth> => currentSource().depth(at, index, abort),
  64,
);
const histories = new Requests(
  (at: SnapshotRef, abort): Promise<DepthHistory> => currentSource().depthHistory(at, abort),
  16,
);

/** Nothing is asked of a snapshot without prediction by depth. */
const hasDepth = (): boolean => !!snapshot.value.value?.depth;

export const depthOf = (index: number): Resource<DepthQuery, Depth> =>
  ofShown(() => (hasDepth() ? { index } : null), readings);

export const depthOverSteps = (): Resource<SnapshotRef, DepthHistory> =>
  ofShown(() => (hasDepth() ? {} : null), histories);
