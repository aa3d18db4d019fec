import type { JSX } from "preact";
import { Projection } from "../projection/Projection";
import { Matrix } from "./Matrix";

/** B: one layer: header and matrix on the left, the projection (with its own header) on the right, or below when it is narrow. */
export function LayerPanel({ layer }: { layer: string }): JSX.Element {
  return (
    <section class="layer-panel" aria-label={`Layer ${layer}`}>
      <div class="layer-matrix">
        <header class="panel-header">
          <h3>{layer}</h3>
        </header>
        <Matrix layer={layer} />
      </div>
      <Projection layer={layer} />
    </section>
  );
}
