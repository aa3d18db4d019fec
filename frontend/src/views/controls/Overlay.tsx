/** A map over a picture, smooth between its values. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { CellScale } from "../../api/types";
import { overlayPixels } from "../../draw/mapColours";
import { theme } from "../../draw/theme";

export interface Place {
  left: number;
  top: number;
  width: number;
  height: number;
}

interface Properties {
  values: Float32Array;
  rows: number;
  columns: number;
  scale: Pick<CellScale, "end" | "signed">;
  place: Place;
}

/** `values` are row by row; the browser scales the canvas up bilinearly. */
export function Overlay({ values, rows, columns, scale, place }: Properties): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const now = theme.value;
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || rows * columns === 0) return;
    const image = context.createImageData(columns, rows);
    image.data.set(new Uint8ClampedArray(overlayPixels(values, scale).buffer));
    context.putImageData(image, 0, 0);
  }, [values, rows, columns, scale, now]);
  return (
    <canvas
      ref={canvas}
      class="painted-map"
      width={columns}
      height={rows}
      style={{ left: `${place.left}px`, top: `${place.top}px`, width: `${place.width}px`, height: `${place.height}px` }}
      aria-hidden="true"
    />
  );
}
