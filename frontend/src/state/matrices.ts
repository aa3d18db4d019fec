/** Resources of the matrices: queries, approximate first answers, numbers of single cells. */

import type { SnapshotRef } from "../api/source";
import type { Matrix, MatrixScaleKind, RowQuery, SortQuery } from "../api/types";
import { comparedSnapshot } from "./currentSnapshot";
import { currentSource, isLayerCompared, isOrderPending, layers, rows, shownSnapshot, snapshot } from "./data";
import { scaleOf, sort } from "./derived";
import { perName, Requests, type Resource, resource } from "./loads";
import { type Row, rowKey } from "./rowKeys";
import { rowQuery, type Sort } from "./rows";
import { statistic, statisticInfo } from "./statistics";
import { shownExpression, typedRow } from "./typed";

export interface MatrixQuery extends SnapshotRef {
  layer: string;
  rows: RowQuery[];
  sort: SortQuery;
  /** The statistic to show; the answer also has means and deviations. */
  statistic: string;
  /** Requests colour levels on this scale instead of numbers. */
  scale?: MatrixScaleKind;
  /** Only these neurons. */
  window?: [number, number];
  /** The rows are those of this snapshot. */
  rows_of?: SnapshotRef;
}

/** Larger matrices are sent as colour levels on the server's scale; the number of a cell is requested on hover. */
const MOST_NUMBERS = 65_536;
/** Time on a cell before its number is requested. */
const REST_MS = 40;

/** With more instances than this, expressions are first answered from a prefix, which is a uniform sample. */
const MANY = 65_536;
const FIRST = 16_384;

const matrices = new Requests(
  async (
    { layer, rows, sort, statistic: shown, scale, window, rows_of, ...where }: MatrixQuery,
    abort,
    onFirstAnswer: (first: Matrix) => void,
  ): Promise<Matrix> => {
    const request = (prefix?: number): Promise<Matrix> =>
      currentSource().matrix(where, layer, rows, sort, shown, abort, { prefix, scale, window, rows_of });
    if (window) {
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      abort.throwIfAborted();
    }
    const computed = rows.some((row) => "expression" in row) || statisticInfo(shown).source === "sample";
    if (computed && (snapshot.peek().value?.sample_size ?? 0) > MANY) onFirstAnswer(await request(FIRST));
    return request();
  },
  48,
);

function matrixQuery(place: SnapshotRef | null, layer: string): MatrixQuery | null {
  if (!place || rows.value.length === 0 || isOrderPending.value) return null;
  const info = layers.value.get(layer);
  // Comparisons need numbers.
  const drawn = info && rows.value.length * info.neurons > MOST_NUMBERS && !comparedSnapshot.value;
  return {
    ...place,
    layer,
    rows: rows.value.map(rowQuery),
    sort: sortQuery(sort.value, rows.value),
    statistic: statistic.value,
    ...(drawn && { scale: scaleOf(info) }),
  };
}

/** The sorting as the server's query; by index if it refers to a row that is not shown (any more). */
export function sortQuery(rule: Sort, shown: Row[]): SortQuery {
  const place = (key: string): number => shown.findIndex((row) => rowKey(row) === key);
  switch (rule.by) {
    case "row":
      return place(rule.a) < 0 ? { by: "index" } : { by: "row", a: place(rule.a) };
    case "difference": {
      const [a, b] = [place(rule.a), place(rule.b)];
      return a < 0 || b < 0 ? { by: "index" } : { by: "difference", a, b };
    }
    default:
      return { by: rule.by };
  }
}

export const matrixOf = perName((layer) => resource(() => matrixQuery(shownSnapshot.value, layer), matrices));
/** The same rows of the compared snapshot. The order of the neurons is that of the shown snapshot. */
export const compareMatrixOf = perName((layer) =>
  resource((): MatrixQuery | null => {
    if (!isLayerCompared(layer)) return null;
    const [query, shownRef] = [matrixQuery(comparedSnapshot.value, layer), shownSnapshot.value];
    return query && shownRef && { ...query, sort: { by: "index" }, rows_of: shownRef };
  }, matrices),
);

/** What is typed, as a row of the matrix before it is one: it changes neither the order nor the colours of the others. */
function typedQuery(place: SnapshotRef | null, layer: string, of?: SnapshotRef | null): MatrixQuery | null {
  if (!place || typedRow.value === null) return null;
  const row = { expression: shownExpression.value };
  return {
    ...place,
    layer,
    rows: [row],
    sort: { by: "index" },
    statistic: statistic.value,
    ...(of && { rows_of: of }),
  };
}
export const typedMatrixOf = perName((layer) => resource(() => typedQuery(shownSnapshot.value, layer), matrices));
export const compareTypedMatrixOf = perName((layer) =>
  resource(() => typedQuery(comparedSnapshot.value, layer, shownSnapshot.value), matrices),
);

/** Numbers of some rows and neurons of a matrix that was sent as colour levels. */
export const numbersOf = (query: () => MatrixQuery | null): Resource<MatrixQuery, Matrix> => resource(query, matrices);

/** All numbers of such a matrix, for saving. */
export function allNumbers({
  run,
  step,
  layer,
  rows: rowQueries,
  sort: by,
  statistic: shown,
}: MatrixQuery): Promise<Matrix> {
  return currentSource().matrix({ run, step }, layer, rowQueries, by, shown, new AbortController().signal);
}
