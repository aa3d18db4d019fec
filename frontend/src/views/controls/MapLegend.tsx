/** The legend of a neuron's values in the input. */

import type { JSX } from "preact";
import type { CellScale } from "../../api/types";
import { tick } from "../../draw/format";
import { valueGradient } from "../../draw/mapColours";
import { snapshot } from "../../state/data";

const WORDS: Record<string, string> = { image: "images", audio: "sounds", text: "texts" };

/** One scale for all instances; `tokens`: with the colours of tokens, which end earlier; `ring`: with the peak's mark. */
export function MapLegend({
  scale: { end, signed, above, below },
  tokens,
  ring,
}: {
  scale: CellScale;
  tokens: boolean;
  ring: boolean;
}): JSX.Element {
  const low = signed ? tick(-end) : "0";
  return (
    <>
      <span class="map-legend caption" role="img" aria-label={`Colours from ${low} to ${tick(end)}`}>
        <span>{`${below ? "≤ " : ""}${low}`}</span>
        <span class="ramp" style={{ background: valueGradient(signed, tokens) }} />
        <span>{`${above ? "≥ " : ""}${tick(end)}, all ${WORDS[snapshot.value.value?.content ?? ""] ?? "instances"}`}</span>
      </span>
      {ring && (
        <span class="map-legend caption">
          <span class="painted-ring still" /> peak
        </span>
      )}
    </>
  );
}
