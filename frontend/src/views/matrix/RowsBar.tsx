import type { JSX } from "preact";
import { rowName } from "../../state/chosen";
import { rows } from "../../state/data";

/** The bar over all panels: rows as chips, +, sort, statistic, scale. */
export function RowsBar(): JSX.Element {
  return (
    <header class="pane-header">
      <h2>Rows</h2>
      <span class="caption">{rows.value.map(rowName).join(" ")}</span>
    </header>
  );
}
