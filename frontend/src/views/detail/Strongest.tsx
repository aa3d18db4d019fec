/** The instances of a neuron's largest or smallest activations, painted by it. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { NeuronDetail } from "../../api/types";
import { alignedFormat } from "../../draw/format";
import type { ValuedMap } from "../../layout/instanceMaps";
import { columns, hasPictures, hasTexts, snapshot } from "../../state/data";
import { pinned } from "../../state/derived";
import { hoveredInstance } from "../../state/hover";
import { instanceMapsOf, type Positions } from "../../state/positions";
import { Unread } from "../controls/Loading";
import { Segmented } from "../controls/Segmented";
import { useTexts } from "../controls/texts";
import { chosenEnd, chosenPaint } from "./neuronFace";
import { PaintedLine } from "./PaintedLine";
import { PaintedTile } from "./PaintedTile";

const ENDS = [
  { value: "most", label: "most" },
  { value: "least", label: "least" },
] as const;
const PAINTS = [
  { value: "overlay", label: "overlay" },
  { value: "peak", label: "peak" },
  { value: "plain", label: "plain" },
] as const;

interface Properties {
  positions: Positions;
  detail: NeuronDetail;
  layer: string;
}

/** Texts as lines, with the hovered or else the last pinned instance below them; what has a picture as tiles. */
export function Strongest({ positions, detail, layer }: Properties): JSX.Element {
  const lines = hasTexts.value || (positions.sizes.length === 1 && !hasPictures.value);
  const beside = (): number | null => {
    const index = hoveredInstance.value ?? pinned.value.at(-1);
    return lines && index !== undefined ? index : null;
  };
  const [others] = useState(() =>
    instanceMapsOf(() => {
      const least = chosenEnd.value === "least" ? detail.bottom.map(({ index }) => index) : [];
      const one = beside();
      return { layer, neuron: detail.neuron, indices: [...new Set(one === null ? least : [...least, one])] };
    }),
  );
  const { value: answer } = others.value;
  const found = (index: number): ValuedMap[] => {
    const map = answer?.maps.get(index);
    return map ? [map] : [];
  };
  const most = chosenEnd.value === "most";
  const shown = most ? positions.strongest : detail.bottom.flatMap(({ index }) => found(index));
  const index = beside();
  const last = index === null || shown.some((map) => map.index === index) ? [] : found(index);
  const texts = useTexts(hasTexts.value && lines ? [...shown, ...last].map((map) => map.index) : []);
  const written = alignedFormat(shown.map(({ value }) => value));
  const own = { sizes: positions.sizes, scale: positions.scale, written };
  return (
    <section class="detail-section where-strongest" aria-label={most ? "Strongest instances" : "Weakest instances"}>
      <h3>
        <span>{most ? "Strongest" : "Weakest"} instances</span>{" "}
        <span class="second cut">
          {shown.length} of {columns.value.value?.count ?? snapshot.value.value?.sample_size} kept
        </span>
        <span class="spring" />
        {!lines && (
          <Segmented
            label="What is drawn over pictures"
            value={chosenPaint.value}
            options={PAINTS}
            onChoose={(paint) => {
              chosenPaint.value = paint;
            }}
          />
        )}
        <Segmented
          label="Which end of the activations"
          value={chosenEnd.value}
          options={ENDS}
          onChoose={(end) => {
            chosenEnd.value = end;
          }}
        />
      </h3>
      {!most && <Unread load={others.value} />}
      {shown.length === 0 && most && <p class="detail-words">No instance has a finite value.</p>}
      {lines ? (
        <>
          <div class="detail-scroll where-lines">
            {shown.map((map) => (
              <PaintedLine key={map.index} map={map} text={texts?.get(map.index)} {...own} />
            ))}
          </div>
          {last.map((map) => (
            <div key="last" class="where-last">
              <PaintedLine map={map} text={texts?.get(map.index)} {...own} />
            </div>
          ))}
        </>
      ) : (
        <div class="detail-scroll where-tiles">
          {shown.map((map) => (
            <PaintedTile key={map.index} map={map} paint={chosenPaint.value} {...own} />
          ))}
        </div>
      )}
    </section>
  );
}
