/** The content of an instance, painted by a neuron. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { InstanceDetail } from "../../api/types";
import { hasTexts, layers, textOf } from "../../state/data";
import { neuronName } from "../../state/derived";
import { hover } from "../../state/hover";
import { instanceMapsOf, type NeuronRef } from "../../state/positions";
import { PaintedContent } from "../controls/PaintedContent";
import { Select } from "../controls/Select";
import { Content } from "./Content";
import { knownText, peakText } from "./mapWords";
import { chosenPainter } from "./neuronFace";

/** Letters of a text that are shown before all of it is asked for. */
const ROOM = 420;

/** The hovered neuron of the layer, else the chosen one, else the one with the largest effect on its margin. */
function painterOf(detail: InstanceDetail, layer: string): { painter: NeuronRef | null; hovered: boolean } {
  const { layer: over, neuron } = hover.value;
  if (neuron !== undefined && over === layer) return { painter: { layer, neuron }, hovered: true };
  const chosen = chosenPainter.value;
  if (chosen === "none") return { painter: null, hovered: false };
  if (chosen?.layer === layer) return { painter: chosen, hovered: false };
  const first = detail.contrast?.neurons[0];
  return { painter: first ? { layer, neuron: first.neuron } : null, hovered: false };
}

export function PaintedInstance({ detail, layer }: { detail: InstanceDetail; layer: string }): JSX.Element {
  const { index } = detail;
  const [all, setAll] = useState(false);
  const [asked] = useState(() => signal({ detail, layer }));
  asked.value = { detail, layer };
  const [load] = useState(() =>
    instanceMapsOf(() => {
      const { painter } = painterOf(asked.value.detail, asked.value.layer);
      return painter && { layer: painter.layer, neuron: painter.neuron, indices: [asked.value.detail.index], room: 0 };
    }),
  );
  const [text] = useState(() => textOf(() => asked.value.detail.index));
  const { painter, hovered } = painterOf(detail, layer);
  const { value: answer } = load.value;
  const map = painter ? answer?.maps.get(index) : undefined;
  const said = painter ? `n${painter.neuron}` : "paint by …";
  const long = (map?.tokens?.join("").length ?? 0) > ROOM;
  return (
    <section class="detail-section">
      <h3>
        Content {painter && <span class="second">by</span>}
        <Select
          label="The neuron that the content is painted by"
          value={painter?.neuron ?? -1}
          options={() => [
            { value: -1, label: "no neuron" },
            ...Array.from({ length: layers.peek().get(layer)?.neurons ?? 0 }, (_, neuron) => ({
              value: neuron,
              label: neuronName(layer, neuron),
            })),
          ]}
          onChoose={(neuron) => {
            chosenPainter.value = neuron < 0 ? "none" : { layer, neuron };
          }}
          says={said}
          plain
        >
          <b class={hovered ? "accent" : ""}>{said}</b>
        </Select>
      </h3>
      {!answer || !map ? (
        <Content key={index} index={index} />
      ) : (
        <div class="where-painted">
          <div
            class={hasTexts.value ? "detail-text where-whole" : ""}
            dir={hasTexts.value ? "auto" : undefined}
            tabIndex={hasTexts.value ? 0 : undefined}
          >
            <PaintedContent
              map={map}
              sizes={answer.sizes}
              scale={answer.scale}
              size={112}
              width={120}
              text={text.value.value ?? undefined}
              {...(!all && long && { room: ROOM })}
            />
            {long && (
              <button type="button" class="link" onClick={() => setAll(!all)}>
                {all ? "around the peak" : `all ${map.length} tokens`}
              </button>
            )}
          </div>
          <p class="caption" title={knownText(map)}>
            {peakText(map, answer.sizes)}
            <br />
            {map.known === "whole" ? "whole map" : map.known === "window" ? "values around the peak" : "the peak alone"}
          </p>
        </div>
      )}
    </section>
  );
}
