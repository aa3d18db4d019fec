/** Orders of clustered neurons, which stay while other steps are shown. */

import type { SnapshotRef } from "../api/source";
import { ApiError, type Matrix, type RowQuery } from "../api/types";
import { currentSource } from "./data";
import { inThisEdition } from "./loads";

const known = new Map<string, Int32Array>();
const MOST = 100;

const keyOf = ({ run, step }: SnapshotRef, layer: string, rows: RowQuery[]): string =>
  inThisEdition(JSON.stringify([run, step, layer, rows]));

/** Keeps the order of a clustered matrix, for other steps and for other questions about this one. */
export function keepOrder(at: SnapshotRef, layer: string, rows: RowQuery[], { order }: Matrix): void {
  if (known.size >= MOST) known.clear();
  known.set(keyOf(at, layer, rows), order);
}

export const keptOrder = (at: SnapshotRef, layer: string, rows: RowQuery[]): Int32Array | undefined =>
  known.get(keyOf(at, layer, rows));

/**
 * The order of the clusters at another step, [neurons]; null where that step does not have them. The rows are those of
 * `here`.
 */
export async function orderAt(
  at: SnapshotRef,
  here: SnapshotRef,
  layer: string,
  rows: RowQuery[],
  abort: AbortSignal,
): Promise<Int32Array | null> {
  const kept = keptOrder(at, layer, rows);
  if (kept) return kept;
  try {
    const part = { window: [0, 1] as [number, number], rows_of: here };
    const answer = await currentSource().matrix(at, layer, rows, { by: "clustered" }, "mean", abort, part);
    keepOrder(at, layer, rows, answer);
    return answer.order;
  } catch (error) {
    if (error instanceof ApiError && ["not_found", "thinned", "unreadable", "bad_request"].includes(error.kind))
      return null;
    throw error;
  }
}
