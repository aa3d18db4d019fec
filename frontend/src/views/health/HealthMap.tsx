/** Layers × steps of training: a row of cells per layer, its name, its largest value; the loss beneath. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { TrainingHealth } from "../../api/types";
import { mapIndex, mapPixels } from "../../draw/colormap";
import { theme } from "../../draw/theme";
import {
  columnOf,
  columnWords,
  type HealthScale,
  healthLevel,
  healthRows,
  largestOf,
  shareOf,
} from "../../layout/healthMap";
import { inTwoParts, sharedLetters, typedName } from "../../layout/names";
import { toggleLayer } from "../../state/actions";
import { openLayers } from "../../state/derived";
import { drawnStep } from "../../state/drawnStep";
import { pointedCell, recordedLayer, valuesOf } from "../../state/health";
import { HealthLoss } from "./HealthLoss";
import { HealthPointer } from "./HealthPointer";
import { measured } from "./measures";

/** The palest colour of a value, and the place on the map of what is not finite. */
const [PALEST, NOT_FINITE] = [0.07, -0.75];

interface Properties {
  known: TrainingHealth;
  name: string;
  scale: HealthScale;
}

export function HealthMap({ known, name, scale }: Properties): JSX.Element {
  const names = known.layers.map((layer) => layer.name);
  const titles = known.layers.map((layer) => typedName(layer.name, layer.type));
  const shared = sharedLetters(titles);
  const rows = healthRows(names);
  const values = valuesOf(known, name);
  const columns = known.steps.length;
  const largest = largestOf(values, names.length);
  const last = known.last_steps.at(-1) ?? 0;
  const marks = known.marks.filter((mark) => mark.measure === name);
  const shown = drawnStep.value;
  const own = shown === null ? NaN : shareOf(known.steps, last, shown);
  const top = (row: number): { top: string } => ({ top: `${rows.tops[row]}px` });
  return (
    <>
      <p class="health-heads caption">
        <span>{columnWords(known.steps, known.together)}</span>
        <span class="spring" />
        largest
      </p>
      <div class="health-scroll">
        <div class="health-map" style={{ height: `${rows.height}px`, "--row": `${rows.row}px` }}>
          {titles.map((title, row) => (
            <LayerLine
              key={names[row]}
              layer={names[row]!}
              parts={inTwoParts(title, shared.get(title) ?? 0)}
              place={top(row)}
              row={row}
            />
          ))}
          <div class="health-cells">
            {names.map((layer, row) => (
              <Cells
                key={layer}
                place={top(row)}
                values={values.subarray(row * columns, (row + 1) * columns)}
                scale={scale}
              />
            ))}
            {Number.isFinite(own) && <i class="health-step" style={{ left: `${own * 100}%` }} />}
            {marks.map(({ first, layers, title }) =>
              layers.map((layer) => (
                <i
                  key={`${title} ${layer}`}
                  class="health-triangle"
                  data-mark={layer}
                  style={{
                    left: `${((columnOf(known.steps, first) + 0.5) / columns) * 100}%`,
                    ...top(names.indexOf(layer)),
                  }}
                />
              )),
            )}
            <HealthPointer known={known} name={name} rows={rows} values={values} />
          </div>
          {largest.map(({ value, finite }, row) => (
            <span
              key={names[row]}
              class="health-largest"
              style={top(row)}
              title={finite ? undefined : "Not all are finite."}
            >
              {finite ? (Number.isNaN(value) ? "–" : measured(name, value)) : "∞"}
            </span>
          ))}
        </div>
      </div>
      <HealthLoss known={known} marks={marks} own={own} />
    </>
  );
}

/** The name of a layer; a click opens or closes its panel. */
function LayerLine({
  layer,
  parts: [beginning, end],
  place,
  row,
}: {
  layer: string;
  parts: [string, string];
  place: Record<string, string>;
  row: number;
}): JSX.Element {
  const opens = recordedLayer(layer);
  return (
    <button
      type="button"
      class={`health-name${pointedCell.value?.row === row ? " pointed" : ""}`}
      // The map has the keyboard: Space does the same there.
      tabIndex={-1}
      style={place}
      disabled={opens === null}
      aria-pressed={opens !== null && openLayers.value.includes(opens)}
      title={opens === null ? `${layer}: not recorded` : opens === layer ? layer : `${layer}: part of ${opens}`}
      onClick={() => opens !== null && toggleLayer(opens)}
    >
      <span class="ends cut-before">
        <span>{beginning}</span>
        <span>{end}</span>
      </span>
    </button>
  );
}

/** A layer's cells: a canvas of one pixel a column, which CSS makes as large as the row. */
function Cells({
  place,
  values,
  scale,
}: {
  place: Record<string, string>;
  values: Float32Array;
  scale: HealthScale;
}): JSX.Element {
  const element = useRef<HTMLCanvasElement>(null);
  const [map, now] = [mapPixels.value, theme.value];
  useEffect(() => {
    const context = element.current?.getContext("2d");
    if (!context || values.length === 0) return;
    const image = context.createImageData(values.length, 1);
    const pixels = new Uint32Array(image.data.buffer);
    // The least value is not the page's colour, which is what was not measured.
    values.forEach((value, i) => {
      const level = healthLevel(scale, value);
      if (!Number.isNaN(level))
        pixels[i] = map[mapIndex(Number.isFinite(level) ? PALEST + (1 - PALEST) * level : NOT_FINITE)]!;
    });
    context.putImageData(image, 0, 0);
  });
  return <canvas ref={element} class="health-row" width={values.length} height={1} style={place} data-theme={now} />;
}
