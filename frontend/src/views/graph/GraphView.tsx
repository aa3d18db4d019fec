import type { JSX } from "preact";
import { snapshot } from "../../state/data";

/** A: the model's graph. Pane header ("Model", search, fit, save) and everything below it; fills its pane. */
export function GraphView(): JSX.Element {
  return (
    <>
      <header class="pane-header">
        <h2>Model</h2>
        <span class="caption">{snapshot.value.value?.layers.length ?? 0} recorded</span>
      </header>
      <div class="placeholder">graph</div>
    </>
  );
}
