import type { JSX } from "preact";
import { detailLayer } from "../../state/chosen";
import { selection } from "../../state/view";

/** D: the drawer: title line (also the only thing seen when it is collapsed) and the detail of what is selected. */
export function DetailView(): JSX.Element {
  return (
    <>
      <header class="panel-header">
        <h2>{selection.value?.kind ?? "Nothing selected"}</h2>
        <span class="caption">in layer {detailLayer.value}</span>
      </header>
      <div class="placeholder">detail</div>
    </>
  );
}
