/** The picture of an instance with what a neuron makes of it: an overlay by value, and a ring at the peak. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { CellScale } from "../../api/types";
import { middleOf, type PicturedMap, pictureOf, placeText, type ValuedMap } from "../../layout/instanceMaps";
import { contentUrl, snapshot } from "../../state/data";
import { instanceName } from "../../state/derived";
import { Overlay } from "./Overlay";
import "../../lib/laterStyles";
import { Thumbnail } from "./Swatch";

/** What is drawn over a picture. */
export type Paint = "overlay" | "peak" | "plain";

interface PictureProperties {
  map: PicturedMap;
  /** Of the layer's axes of positions. */
  sizes: readonly number[];
  scale: Pick<CellScale, "end" | "signed">;
  /** Of the square that it is in, in pixels. */
  size: number;
  paint?: Paint;
}

export interface PaintedProperties extends PictureProperties {
  map: ValuedMap;
  scale: CellScale;
}

/** Below so many pixels the ring is smaller. */
const SMALL = 40;

/** An image with its map, or the map alone where an instance has no image. Where only the peak is known, that is marked. */
export function PaintedPicture({ map, sizes, scale, size, paint = "overlay" }: PictureProperties): JSX.Element {
  const box = useRef<HTMLSpanElement>(null);
  const [aspect, setAspect] = useState(1);
  const url = snapshot.value.value?.content === "image" ? contentUrl(map.index) : null;
  useEffect(() => {
    const image = box.current?.querySelector("img");
    if (!image) return;
    const read = (): void => {
      if (image.naturalWidth > 0) setAspect(image.naturalWidth / image.naturalHeight);
    };
    read();
    image.addEventListener("load", read);
    return () => image.removeEventListener("load", read);
  }, [url]);
  const shape = url ? aspect : (sizes.at(-1) ?? 1) / (sizes.at(-2) ?? 1);
  const [width, height] = shape >= 1 ? [size, size / shape] : [size * shape, size];
  const place = { left: (size - width) / 2, top: (size - height) / 2, width, height };
  const picture = paint === "overlay" ? pictureOf(map, sizes) : null;
  const middle = paint === "plain" ? null : middleOf(map.peak, sizes);
  return (
    <span
      ref={box}
      class={`painted${picture ? " over" : ""}`}
      style={{ width: `${size}px`, height: `${size}px` }}
      title={middle ? `peak at ${placeText(map.peak, sizes)}` : undefined}
    >
      {url ? (
        <Thumbnail index={map.index} size={size} />
      ) : (
        <span
          class="painted-ground"
          role="img"
          aria-label={`Map of ${instanceName(map.index)}`}
          style={{ width, height, ...offset(place) }}
        />
      )}
      {picture && (
        <Overlay values={picture.values} rows={picture.height} columns={picture.width} scale={scale} place={place} />
      )}
      {middle && (
        <span
          class={`painted-ring${size < SMALL ? " small" : ""}`}
          style={{ left: `${place.left + middle.x * width}px`, top: `${place.top + middle.y * height}px` }}
        />
      )}
    </span>
  );
}

const offset = ({ left, top }: { left: number; top: number }): { left: string; top: string } => ({
  left: `${left}px`,
  top: `${top}px`,
});
