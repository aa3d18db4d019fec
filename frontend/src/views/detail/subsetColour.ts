import { classColour } from "../../draw/classes";
import { tokens } from "../../draw/theme";
import { colourOf } from "../../state/colours";
import type { RowKey } from "../../state/rowKeys";

/** A subset by its colour, or by that of the text where it has none; the rest is grey. */
export function subsetColour(row: RowKey): string {
  const index = colourOf(row);
  return index < 0 ? tokens.value.text : classColour(index);
}
