/** Saves the detail as a picture or as CSV. */

import { csvLine, savePane, saveText } from "../controls/save";

type Value = string | number | boolean | null;

/** As a picture, or the numbers of its subject as CSV. */
export async function saveDetail(kind: "png" | "csv", name: string, detail: object | null): Promise<void> {
  if (kind === "png") await savePane(`${name}.png`, document.querySelector(".pane.detail"));
  else if (detail) saveText(`${name}.csv`, detailCsv(detail));
}

/** All values and lists of the detail, as blocks under their names; nested values have a column each. */
export function detailCsv(detail: object): string {
  const flat = (one: object, before = ""): [string, Value][] =>
    Object.entries(one).flatMap(([key, value]) =>
      value !== null && typeof value === "object"
        ? flat(value as object, `${before}${key} `)
        : [[before + key, value as Value]],
    );
  return Object.entries(detail)
    .map(([name, list]: [string, unknown]): string => {
      if (!Array.isArray(list))
        return list !== null && typeof list === "object" ? detailCsv(list) : `${csvLine([name, list as Value])}\n`;
      if (typeof list[0] !== "object") return `${csvLine([name, ...(list as Value[])])}\n`;
      const lines = (list as object[]).map((one) => flat(one));
      const header = lines[0]!.map(([key]) => key);
      const table = [[name], header, ...lines.map((line) => line.map(([, value]) => value))];
      return `\n${table.map(csvLine).join("\n")}\n`;
    })
    .join("");
}
