import type { At } from "../api/source";
import type { Matrix, MatrixScaleKind, RowQuery, SortQuery } from "../api/types";
import { scaleOf } from "./chosen";
import { currentSource, layers, rows, shownAt, snapshot } from "./data";
import { perName, Requests, type Resource, resource } from "./loads";
import { compareAt } from "./place";
import { type Row, rowKey } from "./rowKeys";
import { rowQuery, type Sort } from "./rows";
import { statistic, statisticInfo } from "./statistics";
import { sort } from "./view";

export interface MatrixQuery extends At {
  layer: string;
  rows: RowQuery[];
  sort: SortQuery;
  /** What is shown of the rows; the answer has means and deviations besides. */
  statistic: string;
  /** The answer is bytes on this scale, to be drawn. */
  scale?: MatrixScaleKind;
  /** Of these neurons alone. */
  window?: [number, number];
  /** The rows are those of this snapshot. */
  rows_of?: At;
}

/** More cells than this come as bytes on the server's scale, and their numbers when they are pointed at. */
const MOST_NUMBERS = 65_536;
/** So long something is pointed at before its number is asked for. */
const REST_MS = 40;

/**
 * Of more instances than this, expressions are answered from the first of them at first: a uniform sample, as every
 * prefix is.
 */
const MANY = 65_536;
const FIRST = 16_384;

const matrices = new Requests(
  async (
    { layer, rows, sort, statistic: shown, scale, window, rows_of, ...where }: MatrixQuery,
    abort,
    soon: (first: Matrix) => void,
  ): Promise<Matrix> => {
    const asked = (prefix?: number): Promise<Matrix> =>
      currentSource().matrix(where, layer, rows, sort, shown, abort, { prefix, scale, window, rows_of });
    if (window) {
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      abort.throwIfAborted();
    }
    const computed = rows.some((row) => "expression" in row) || statisticInfo(shown).source === "sample";
    if (computed && (snapshot.peek().value?.kept ?? 0) > MANY) soon(await asked(FIRST));
    return asked();
  },
  48,
);

function matrixQuery(place: At | null, layer: string): MatrixQuery | null {
  if (!place || rows.value.length === 0) return null;
  const info = layers.value.get(layer);
  // What is compared is compared in numbers.
  const drawn = info && rows.value.length * info.neurons > MOST_NUMBERS && !compareAt.value;
  return {
    ...place,
    layer,
    rows: rows.value.map(rowQuery),
    sort: sortQuery(sort.value, rows.value),
    statistic: statistic.value,
    ...(drawn && { scale: scaleOf(info) }),
  };
}

/** A sort by a row that is not shown (any more) falls back to the index. */
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

export const matrixOf = perName((layer) => resource(() => matrixQuery(shownAt.value, layer), matrices));
/** The same rows elsewhere, whatever they are sorted by: the order is that of what is shown. */
export const compareMatrixOf = perName((layer) =>
  resource((): MatrixQuery | null => {
    const [query, here] = [matrixQuery(compareAt.value, layer), shownAt.value];
    return query && here && { ...query, sort: { by: "index" }, rows_of: here };
  }, matrices),
);

/** Numbers of some rows and neurons of a picture that came as bytes. */
export const numbersOf = (query: () => MatrixQuery | null): Resource<MatrixQuery, Matrix> => resource(query, matrices);

/** All numbers of such a picture, to be saved. */
export function allNumbers({
  run,
  step,
  layer,
  rows: asked,
  sort: by,
  statistic: shown,
}: MatrixQuery): Promise<Matrix> {
  return currentSource().matrix({ run, step }, layer, asked, by, shown, new AbortController().signal);
}
