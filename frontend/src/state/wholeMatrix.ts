/** All of a matrix that was sent in part or as colour levels, for saving. */

import type { Matrix } from "../api/types";
import { currentSource } from "./data";
import type { MatrixQuery } from "./matrices";

const ask = ({ run, step, layer, rows, statistic, sort }: MatrixQuery, scale?: MatrixQuery["scale"]): Promise<Matrix> =>
  currentSource().matrix({ run, step }, layer, rows, sort, statistic, new AbortController().signal, { scale });

/** The colour levels of all rows, in index order. */
export const allLevels = (query: MatrixQuery): Promise<Matrix> => ask({ ...query, sort: { by: "index" } }, query.scale);

/** All numbers, in the order in which the matrix is shown. */
export const allNumbers = async (query: MatrixQuery, order: Int32Array): Promise<Matrix> => ({
  ...(await ask(query)),
  order,
});
