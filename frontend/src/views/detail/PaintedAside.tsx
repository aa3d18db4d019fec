/** Beside a neuron: the hovered instance, or else the last pinned one, painted by it. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { short } from "../../draw/format";
import { instanceName, pinned } from "../../state/derived";
import { hoveredInstance } from "../../state/hover";
import { detailHeight } from "../../state/panes";
import { instanceMapsOf } from "../../state/positions";
import { PaintedContent } from "../controls/PaintedContent";
import { InstanceClasses } from "./InstanceClasses";
import { knownText, peakText } from "./mapWords";
import { chosenPaint } from "./neuronFace";

export function PaintedAside({ layer, neuron }: { layer: string; neuron: number }): JSX.Element | null {
  const [about] = useState(() => signal({ layer, neuron }));
  about.value = { layer, neuron };
  const [load] = useState(() =>
    instanceMapsOf(() => {
      const index = hoveredInstance.value ?? pinned.value.at(-1);
      return index === undefined ? null : { ...about.value, indices: [index] };
    }),
  );
  const { value: answer, query } = load.value;
  const map = answer?.maps.get(query?.indices[0] ?? -1);
  if (!answer || !map)
    return (
      <section class="detail-section where-aside">
        <h3>An instance</h3>
        <p class="detail-words">Point at an instance anywhere, or pin one: it is painted by this neuron here.</p>
      </section>
    );
  const size = Math.min(160, detailHeight.value - 70);
  return (
    <section class="detail-section where-aside" aria-label="An instance, painted">
      <h3>
        {instanceName(map.index)} <span class="second cut">painted by n{neuron}</span>
      </h3>
      <div class="where-painted">
        <PaintedContent
          map={map}
          sizes={answer.sizes}
          scale={answer.scale}
          size={size}
          width={size}
          paint={chosenPaint.value}
        />
        <div class="where-facts">
          <InstanceClasses map={map} />
          <b>{short(map.value)}</b>
          <span class="second">{peakText(map, answer.sizes)}</span>
          <span class="second">{knownText(map)}</span>
        </div>
      </div>
    </section>
  );
}
