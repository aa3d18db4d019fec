/** Whether a change of a setting still waits for its data. */

import { comparedSnapshot } from "./currentSnapshot";
import { comparedInfo, snapshot } from "./data";
import { openLayers } from "./derived";
import { compareMatrixOf, type MatrixQuery, matrixOf } from "./matrices";

/**
 * Whether an open view still waits for an answer that differs from the shown one in this respect. The control that was
 * changed then shows progress.
 */
export function isPending(differs: (shown: Partial<MatrixQuery>) => boolean): boolean {
  return [snapshot, ...openLayers.value.map(matrixOf)].some(
    ({ value: { status, query } }) => status === "pending" && query !== null && differs(query),
  );
}

export function isComparisonPending(): boolean {
  const reference = comparedSnapshot.value;
  if (reference && comparedInfo.value.status === "pending") return true;
  return openLayers.value.some((layer) => {
    const { status, query } = compareMatrixOf(layer).value;
    return status === "pending" && (query?.run !== reference?.run || query?.step !== reference?.step);
  });
}
