/** Saves a projection as PNG or CSV. */

import { tokens } from "../../draw/theme";
import { currentSnapshot } from "../../state/currentSnapshot";
import { columns } from "../../state/data";
import { labelName } from "../../state/derived";
import { csvLine, digits, savePng, saveText } from "../controls/save";
import type { PlotState } from "./plotState";

/** As a picture, or the positions of all instances as CSV. */
export function savePlot(kind: "png" | "csv", { layer, answer }: PlotState, box: Element | null): void {
  const { value } = answer.peek();
  const name = `projection-${layer}-step-${currentSnapshot.peek()?.step ?? ""}`;
  if (kind === "png") savePng(`${name}.png`, [...(box?.querySelectorAll("canvas") ?? [])], tokens.peek().fill);
  else if (value) saveText(`${name}.csv`, table(value.xy));
}

/** The layer's positions, not those in an animation. */
function table(xy: Float32Array): string {
  const known = columns.peek().value;
  const lines = [csvLine(["id", "label", "prediction", "x", "y"])];
  for (let index = 0; 2 * index < xy.length; index++) {
    lines.push(
      csvLine([
        known?.ids[index],
        labelName(known?.label[index]),
        labelName(known?.prediction[index]),
        digits(xy[2 * index]!),
        digits(xy[2 * index + 1]!),
      ]),
    );
  }
  return `${lines.join("\n")}\n`;
}
