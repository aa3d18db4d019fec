/** Saves the list of findings as a picture, as CSV or as JSON. */

import { strengthOf } from "../../draw/findingWords";
import { type Entry, found, foundColumns, foundPlace, neuronsOf } from "../../state/foundFindings";
import { csvLine, savePane, saveText } from "../controls/save";

const HEAD = [
  "kind",
  "title",
  "sentence",
  "strength",
  "amount",
  "p",
  "since step",
  "subset",
  "layer",
  "neurons",
  "instances",
  "compared",
];

/** A line per finding; instances by their ids. */
export function findingsCsv(list: readonly Entry[], idOf: (index: number) => string | undefined): string {
  const lines = list.map(({ finding, side }) => {
    const { kind, title, sentence, strength, p, step, subset, layer, neurons, instances } = finding;
    return csvLine([
      kind,
      title,
      sentence,
      strength,
      strengthOf(finding, neuronsOf(finding)),
      p,
      step,
      subset,
      layer,
      neurons.join(" "),
      side === "new" ? "" : instances.map((index) => idOf(index) ?? index).join(" "),
      side,
    ]);
  });
  return `${[csvLine(HEAD), ...lines].join("\n")}\n`;
}

export async function saveFindings(kind: "png" | "csv" | "json", list: readonly Entry[]): Promise<void> {
  const name = `findings-step-${foundPlace.peek()?.step}`;
  const ids = foundColumns.peek().value?.ids;
  if (kind === "png") await savePane(`${name}.png`, document.querySelector(".pane.detail"));
  else if (kind === "csv")
    saveText(
      `${name}.csv`,
      findingsCsv(list, (index) => ids?.[index]),
    );
  else {
    const findings = list.map(({ finding, side }) => ({
      ...finding,
      ids: side === "new" ? [] : finding.instances.map((index) => ids?.[index] ?? null),
      ...(side && { compared: side }),
    }));
    const text = JSON.stringify({ ...foundPlace.peek(), findings, notes: found.peek().value?.notes ?? [] }, null, 1);
    saveText(`${name}.json`, `${text}\n`, "application/json");
  }
}
