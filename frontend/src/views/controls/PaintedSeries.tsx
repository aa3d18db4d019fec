/** A neuron's values along the time: over the waveform of a sound, or as a line. */

import type { JSX } from "preact";
import type { CellScale } from "../../api/types";

import { placeText, type ValuedMap } from "../../layout/instanceMaps";
import { snapshot } from "../../state/data";
import { instanceName } from "../../state/derived";
import { Overlay } from "./Overlay";
import type { Paint } from "./PaintedPicture";
import "../../lib/laterStyles";
import { Wave } from "./Sound";

interface Properties {
  map: ValuedMap;
  scale: CellScale;
  width: number;
  height: number;
  paint?: Paint;
}

/** Values of a part of the time stand where that part is. Where only the peak is known, that is marked. */
export function PaintedSeries({ map, scale, width, height, paint = "overlay" }: Properties): JSX.Element {
  const { values, start, peak } = map;
  const sound = snapshot.value.value?.content === "audio";
  // Without the length, what is known is all that there is to draw.
  const length = Math.max(1, map.length ?? Math.max(start + values.length, peak + 1));
  const x = (position: number): number => (position / length) * width;
  // A whole map may be coarser than the positions.
  const each = map.known === "whole" && values.length > 0 ? (length - start) / values.length : 1;
  const over = paint === "overlay" && values.length > 0;
  const place = { left: x(start), top: 0, width: x(values.length * each), height };
  return (
    <span
      class="painted"
      style={{ width: `${width}px`, height: `${height}px` }}
      title={`peak at ${placeText(peak, [length])}`}
    >
      {sound && <Wave index={map.index} width={width} height={height} />}
      {over && sound && <Overlay values={values} rows={1} columns={values.length} scale={scale} place={place} />}
      {!sound && paint !== "plain" && (
        <Line
          {...{ values, scale, width, height }}
          label={`Values of ${instanceName(map.index)}`}
          x={(i) => x(start + (i + 0.5) * each)}
        />
      )}
      {paint !== "plain" && peak >= 0 && peak < length && (
        <span class="painted-line" style={{ left: `${x(peak + 0.5)}px` }} />
      )}
    </span>
  );
}

function Line({
  values,
  scale: { end, signed },
  width,
  height,
  label,
  x,
}: {
  values: Float32Array;
  scale: CellScale;
  width: number;
  height: number;
  label: string;
  /** Of a value, by its index. */
  x: (index: number) => number;
}): JSX.Element {
  const low = signed ? -end : 0;
  const y = (value: number): number =>
    height - 1 - ((Math.max(low, Math.min(end, value)) - low) / (end - low)) * (height - 2);
  let drawn = false;
  const path = Array.from(values, (value, i) => {
    const known = Number.isFinite(value);
    const part = known ? `${drawn ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}` : "";
    drawn = known;
    return part;
  }).join("");
  return (
    <svg class="painted-series" width={width} height={height} role="img" aria-label={label}>
      <path d={`M0 ${y(0)}H${width}`} stroke="var(--line-pane)" />
      <path d={path} fill="none" stroke="var(--text2)" stroke-width={1.5} />
    </svg>
  );
}
