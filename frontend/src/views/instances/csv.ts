import type { Columns, Snapshot } from "../../api/types";
import { csvLine } from "../controls/save";

/** What is known of the instances, a line each with a heading line; `rows` null: all of them. Missing values are empty. */
export function csvOf(known: Columns, shown: Snapshot | null, rows: ArrayLike<number> | null): string {
  const named = shown?.task === "classification";
  const name = (value: number | undefined): string | number | null =>
    value === undefined || Number.isNaN(value) || (named && value < 0) ? null : named ? (shown.class_names[value] ?? value) : value;
  const number = (value: number | undefined): number | null => (value === undefined || Number.isNaN(value) ? null : value);
  const extra = [...known.extra];
  const lines = [csvLine(["id", "label", "prediction", "correct", "score", "loss", "label_score", ...extra.map(([column]) => column)])];
  const count = rows?.length ?? known.count;
  for (let i = 0; i < count; i++) {
    const row = rows ? (rows[i] as number) : i;
    const correct = known.correct[row];
    const own = extra.map(([, { values, categories }]) => (categories ? (categories[values[row] as number] ?? null) : number(values[row])));
    lines.push(csvLine([
      known.ids[row], name(known.label[row]), name(known.prediction[row]), correct === 255 ? null : correct === 1, number(known.score[row]), number(known.loss[row]),
      number(known.label_score[row]), ...own,
    ]));
  }
  return `${lines.join("\r\n")}\r\n`;
}
