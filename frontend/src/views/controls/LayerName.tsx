/** The name of a layer, which gives way in its middle where there is no room. */

import type { JSX } from "preact";
import { layerParts, layerTitle } from "../../state/derived";

/** What tells it from the other recorded layers stays. */
export function LayerName({ layer }: { layer: string }): JSX.Element {
  const [beginning, end] = layerParts(layer);
  return (
    <span class="ends cut-before" title={layerTitle(layer)}>
      <span>{beginning}</span>
      <span>{end}</span>
    </span>
  );
}
