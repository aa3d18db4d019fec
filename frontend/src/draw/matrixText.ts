/** Texts about layers, rows and statistics: names, facts, warnings, confidence intervals. */

import type { LayerInfo, RowSource, Snapshot, StatisticInfo, Where } from "../api/types";
import { count, fixed, integer, percent, short } from "./format";

/** "ReLU", "48 neurons", "spatial mean", "all 899 kept". */
export function layerFacts(
  layer: LayerInfo,
  type: string | undefined,
  { sample_size: sampleSize, seen }: Pick<Snapshot, "sample_size" | "seen">,
): string[] {
  const keeping =
    sampleSize >= seen ? `all ${integer(sampleSize)} kept` : `${integer(sampleSize)} of ${integer(seen)} kept`;
  return [type ?? "", count(layer.neurons, "neuron"), reducerName(layer), keeping].filter(Boolean);
}

/** Why an expression that no instance of the sample matches cannot become a row; `seen`: instances of the evaluation data. */
export function noMatch({ indices, sample_size: sampleSize }: Where, seen: number): string {
  const looked =
    sampleSize < seen
      ? `${integer(sampleSize)} of the ${integer(seen)} were looked at; others may match.`
      : `All ${integer(seen)} were looked at.`;
  const why = indices.length
    ? "Only pinned instances match, which are in no subset."
    : "No kept instance matches, so there is nothing to show in a row.";
  return `${why} ${looked}`;
}

/** How a neuron's many values became one: over space, or over positions of a sequence. Empty if there was only one. */
export function reducerName({ reducer, sizes }: Pick<LayerInfo, "reducer" | "sizes">): string {
  if (reducer === "none" || sizes.length <= 2) return "";
  if (reducer === "mean" || reducer === "max")
    return sizes.length > 3 ? `spatial ${reducer}` : `${reducer} over positions`;
  return reducer === "first" || reducer === "last" ? `${reducer} position` : reducer;
}

/** "5 never above 0", "3 all zero"; empty if there is no warning. */
export function layerWarnings({ warnings }: Pick<LayerInfo, "warnings">): string[] {
  const words: [number, string][] = [
    [warnings.never_above_zero, "never above 0"],
    [warnings.all_zero, "all zero"],
    [warnings.constant, "constant"],
    [warnings.nonfinite, `${warnings.nonfinite === 1 ? "value" : "values"} NaN or infinite`],
    [warnings.clipped, `${warnings.clipped === 1 ? "value" : "values"} clipped`],
  ];
  return words.flatMap(([number, word]) => (number > 0 ? [`${integer(number)} ${word}`] : []));
}

export function statisticText({ unit }: Pick<StatisticInfo, "unit">, value: number): string {
  return unit === "share" && Number.isFinite(value) ? percent(value, 0) : short(value);
}

/**
 * Origin of a mean: "n 82, exact" if it is computed from everything seen, or how far off it may be if it was rounded;
 * else its 95 % interval and "from 1,000 of 50,000". A sample that contains everything is exact too.
 */
export function provenance(
  { source, n, seen: outOf, packed }: RowSource,
  deviation: number,
  sampleSize: number,
  seen: number,
  statistic: Pick<StatisticInfo, "source" | "rounding">,
): { error: string; origin: string } {
  if (source === "exact" && statistic.source === "sample" && sampleSize < seen)
    return { error: "", origin: "from its kept instances" };
  if (source === "exact" && packed && statistic.source === "exact")
    return { error: "", origin: `n ${integer(n)}, rounded: off by at most ${statistic.rounding}` };
  if (source !== "sample" || sampleSize >= seen) return { error: "", origin: `n ${integer(n)}, exact` };
  const error = (1.96 * deviation) / Math.sqrt(n);
  return {
    error: n > 1 && Number.isFinite(error) ? ` ± ${short(error)}` : "",
    origin: `from ${integer(n)} of ${integer(outOf)}`,
  };
}

export const effectText = (d: number | undefined): string => fixed(d, Math.abs(d ?? 0) >= 100 ? 0 : 1);
