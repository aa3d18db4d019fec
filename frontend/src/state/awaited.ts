import { openLayers } from "./chosen";
import { snapshot } from "./data";
import { compareMatrixOf, type MatrixQuery, matrixOf } from "./matrices";
import { compareAt } from "./place";

/**
 * Whether open views wait for an answer that differs from what they show in this: the control that asked for it shows
 * that.
 */
export function awaits(differs: (shown: Partial<MatrixQuery>) => boolean): boolean {
  return [snapshot, ...openLayers.value.map(matrixOf)].some(
    ({ value: { status, query } }) => status === "pending" && query !== null && differs(query),
  );
}

export function awaitsOther(): boolean {
  const other = compareAt.value;
  return openLayers.value.some((layer) => {
    const { status, query } = compareMatrixOf(layer).value;
    return status === "pending" && (query?.run !== other?.run || query?.step !== other?.step);
  });
}
