import { tokens } from "../../draw/theme";
import { labelName } from "../../state/chosen";
import { columns } from "../../state/data";
import { at } from "../../state/place";
import { csvLine, digits, savePng, saveText } from "../controls/save";
import type { Plot } from "./plot";

/** Saves the plot: as a picture, or where every instance lies as CSV. */
export function savePlot(kind: "png" | "csv", { layer, answer }: Plot, box: Element | null): void {
  const { value } = answer.peek();
  const name = `projection-${layer}-step-${at.peek()?.step ?? ""}`;
  if (kind === "png") savePng(`${name}.png`, [...(box?.querySelectorAll("canvas") ?? [])], tokens.peek().fill);
  else if (value) saveText(`${name}.csv`, table(value.xy));
}

/** Places as the layer's projection has them, not as a step moves them. */
function table(xy: Float32Array): string {
  const known = columns.peek().value;
  const lines = [csvLine(["id", "label", "prediction", "x", "y"])];
  for (let row = 0; 2 * row < xy.length; row++) {
    lines.push(
      csvLine([
        known?.ids[row],
        labelName(known?.label[row]),
        labelName(known?.prediction[row]),
        digits(xy[2 * row]!),
        digits(xy[2 * row + 1]!),
      ]),
    );
  }
  return `${lines.join("\n")}\n`;
}
