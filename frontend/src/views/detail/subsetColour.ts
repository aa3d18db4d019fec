/** The colour of a subset in the drawer. */

import { classColour } from "../../draw/classes";
import { tokens } from "../../draw/theme";
import { colourOf } from "../../state/colours";
import type { RowKey } from "../../state/rowKeys";

/** The subset's colour, or the text colour if it has none; the rest is grey. */
export function subsetColour(row: RowKey): string {
  const index = colourOf(row);
  return index < 0 ? tokens.value.text : classColour(index);
}
