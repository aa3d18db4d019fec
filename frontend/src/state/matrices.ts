/** Resources of the matrices: queries, approximate first answers, numbers of single cells. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { SnapshotRef } from "../api/source";
import type { Matrix, MatrixScaleKind, RowQuery, SortQuery } from "../api/types";
import { keepOrder, keptOrder, orderAt } from "./clusterOrder";
import { comparedSnapshot, isThinned } from "./currentSnapshot";
import { currentSource, isLayerCompared, isOrderPending, layers, rows, shownSnapshot, snapshot } from "./data";
import { openLayers, scaleOf, sort } from "./derived";
import { perName, Requests, type Resource, resource } from "./loads";
import { type Row, rowKey } from "./rowKeys";
import { rowQuery, type Sort } from "./rows";
import { statistic, statisticInfo } from "./statistics";
import { shownExpression, typedRow } from "./typed";
import { orderStep, panel } from "./view";

export interface MatrixQuery extends SnapshotRef {
  layer: string;
  rows: RowQuery[];
  sort: SortQuery;
  /** The clusters are those of this step. */
  order_of?: number;
  /** The statistic to show; the answer also has means and deviations. */
  statistic: string;
  /** Requests colour levels on this scale instead of numbers. */
  scale?: MatrixScaleKind;
  /** Only of the rows at these positions; order, scale and all else are of all rows. */
  drawn?: number[];
  /** Only these neurons. */
  window?: [number, number];
  /** The rows are those of this snapshot. */
  rows_of?: SnapshotRef;
}

/** Larger matrices are sent as colour levels on the server's scale; the number of a cell is requested on hover. */
const MOST_NUMBERS = 65_536;
/** Of even larger ones only the first rows are sent, of single instances and of sets, until somebody scrolls. */
const MOST_LEVELS = 4 * MOST_NUMBERS;
export const FIRST_ROWS = 128;
/** Time on a cell before its number is requested. */
const REST_MS = 40;

/** With more instances than this, expressions are first answered from a prefix, which is a uniform sample. */
const MANY = 65_536;
const FIRST = 16_384;
/** Of more expressions than this, the first answer is from half as many. */
const FEW = 4;

const matrices = new Requests(
  async (
    { layer, rows, sort, order_of, statistic: shown, scale, drawn, window, rows_of, ...where }: MatrixQuery,
    abort,
    onFirstAnswer: (first: Matrix) => void,
  ): Promise<Matrix> => {
    const order =
      order_of !== undefined
        ? await orderAt({ run: where.run, step: order_of }, where, layer, rows, abort)
        : sort.by === "clustered" && !window && keptOrder(where, layer, rows);
    const request = async (prefix?: number): Promise<Matrix> => {
      const part = { prefix, scale, drawn, window, rows_of };
      const by: SortQuery = order ? { by: "index" } : sort;
      const answer = await currentSource().matrix(where, layer, rows, by, shown, abort, part);
      return order && order.length === answer.neurons
        ? { ...answer, order, ...(order_of !== undefined && { orderOf: order_of }) }
        : answer;
    };
    if (window) {
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      abort.throwIfAborted();
    }
    const expressions = rows.filter((row) => "expression" in row).length;
    if ((expressions || statisticInfo(shown).source === "sample") && (snapshot.peek().value?.sample_size ?? 0) > MANY)
      onFirstAnswer(await request(expressions > FEW ? FIRST / 2 : FIRST));
    const answer = await request();
    if (sort.by === "clustered" && !order && !window) keepOrder(where, layer, rows, answer);
    return answer;
  },
  48,
);

function matrixQuery(place: SnapshotRef | null, layer: string): MatrixQuery | null {
  const info = layers.value.get(layer);
  if (!place || !info || rows.value.length === 0 || isOrderPending.value) return null;
  // Comparisons need numbers.
  const cells = !comparedSnapshot.value ? rows.value.length * info.neurons : 0;
  const [asked, made] = [sortQuery(sort.value, rows.value), orderStep.value];
  // What is told by single instances is gone where these were thinned; the means of the rows are not.
  const by: SortQuery =
    isThinned(place) && (asked.by === "effect" || asked.by === "direction") ? { by: "index" } : asked;
  return {
    ...place,
    layer,
    rows: rows.value.map(rowQuery),
    sort: by,
    ...(by.by === "clustered" && made !== null && made !== place.step && { order_of: made }),
    statistic: statistic.value,
    ...(cells > MOST_NUMBERS && { scale: scaleOf(info) }),
    ...(cells > MOST_LEVELS && !panel(layer).scrolled.value && firstRows(rows.value)),
  };
}

/** The rows that are seen before anybody scrolls; nothing where these are all. */
function firstRows(shown: Row[]): { drawn?: number[] } {
  const left: [number, number] = [FIRST_ROWS, FIRST_ROWS];
  const drawn = shown.flatMap(({ kind }, at) => (left[kind === "instance" ? 0 : 1]-- > 0 ? [at] : []));
  return drawn.length < shown.length ? { drawn } : {};
}

/** The sorting as the server's query; by index if it refers to a row that is not shown (any more). */
export function sortQuery(rule: Sort, shown: Row[]): SortQuery {
  const place = (key: string): number => shown.findIndex((row) => rowKey(row) === key);
  switch (rule.by) {
    case "row":
    case "effect":
    case "direction":
      return place(rule.a) < 0 ? { by: "index" } : { by: rule.by, a: place(rule.a) };
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
    if (!query || !shownRef) return null;
    const { order_of: _, ...own } = query;
    return { ...own, sort: { by: "index" }, rows_of: shownRef };
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

/** The step that the clusters shown are of, where it is not the one that is drawn; null where it is. */
export const clustersOf: ReadonlySignal<number | null> = computed(() => {
  if (sort.value.by !== "clustered") return null;
  for (const layer of openLayers.value) {
    const { value } = matrixOf(layer).value;
    if (value?.orderOf !== undefined) return value.orderOf;
  }
  return null;
});
