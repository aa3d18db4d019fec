/** How measures of training health are written. */

import { percent, short } from "../../draw/format";

/** Titles by their names in the files; another one has its name. */
const TITLES: Readonly<Record<string, string>> = {
  update_ratio: "update ÷ weight",
  gradient_norm: "gradient",
  activation_norm: "activation norm",
  activation_rms: "activation RMS",
  dead_share: "dead",
  kurtosis: "kurtosis",
  expert_load: "busiest expert",
};

export const titleOf = (measure: string): string => TITLES[measure] ?? measure;

/** Whether values are shares, from 0 to 1. */
export const isShare = (measure: string): boolean => measure === "dead_share" || measure === "expert_load";

/** Three digits, as the marks have them: "0.314"; of a share "28%". */
export function measured(measure: string, value: number): string {
  if (Number.isNaN(value)) return "not measured";
  if (!Number.isFinite(value)) return "NaN or infinite";
  if (isShare(measure)) return percent(value, value < 0.1 ? 1 : 0);
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1000 ? String(Number(value.toPrecision(3))) : short(value);
}
