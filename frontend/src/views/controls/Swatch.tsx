/** Colour swatches of classes and rows, and thumbnails of instances. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { classColour } from "../../draw/classes";
import { colourOf } from "../../state/colours";
import { contentUrl, snapshot } from "../../state/data";
import { classOfRow, instanceName, labelName } from "../../state/derived";
import { retryLater } from "../../state/loads";
import type { RowKey } from "../../state/rowKeys";
import { Name } from "./Name";
import { Wave } from "./Sound";

/** A square of 8 px in the class's colour. */
export function Swatch({ index }: { index: number }): JSX.Element {
  return <span class="swatch" style={{ background: classColour(index) }} aria-hidden="true" />;
}

/** Swatch and name of a class, as in "predicted ■ 3". */
export function ClassName({ index, children }: { index: number; children?: ComponentChildren }): JSX.Element {
  const name = labelName(index);
  return (
    <span class="class-name">
      <Swatch index={index} />
      <span>{children ?? <Name name={name} />}</span>
    </span>
  );
}

/** The swatch of a row: square for a class, round for other subsets, an outline without a colour. */
export function RowSwatch({ row }: { row: RowKey }): JSX.Element {
  const index = colourOf(row);
  const shape = index < 0 ? " outline" : classOfRow(row) < 0 ? " round" : "";
  return (
    <span
      class={`swatch${shape}`}
      style={index < 0 ? undefined : { background: classColour(index) }}
      aria-hidden="true"
    />
  );
}

/**
 * An instance's picture, scaled without smoothing. Bright strokes on a transparent background are inverted in the light
 * theme. Nothing if there is no picture.
 */
export function Thumbnail({ index, size = 17 }: { index: number; size?: number }): JSX.Element | null {
  const url = contentUrl(index);
  const [missed, setMissed] = useState<string | null>(null);
  if (!url) return null;
  if (snapshot.value.value?.content === "audio") return <Wave index={index} width={size} height={size} />;
  const ink = snapshot.value.value?.ink ?? false;
  if (missed === url) {
    return (
      <span
        class="thumbnail missing"
        role="img"
        aria-label={`${instanceName(index)} without its picture`}
        style={{ width: `${size}px`, height: `${size}px` }}
      />
    );
  }
  const fail = (): void => {
    setMissed(url);
    retryLater(() => setMissed(null));
  };
  return (
    <img
      onError={fail}
      class={`thumbnail${ink ? " ink" : ""}`}
      src={url}
      width={size}
      height={size}
      alt={`Content of ${instanceName(index)}`}
      loading="lazy"
    />
  );
}
