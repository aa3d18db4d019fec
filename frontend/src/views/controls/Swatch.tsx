import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { classColour } from "../../draw/classes";
import { classOfRow, instanceName, labelName } from "../../state/chosen";
import { colourOf } from "../../state/colours";
import { contentUrl, snapshot } from "../../state/data";
import { whenAnswered } from "../../state/loads";
import type { RowKey } from "../../state/rowKeys";
import { Wave } from "./Sound";

/** A square of the class's colour, 8 px. */
export function Swatch({ index }: { index: number }): JSX.Element {
  return <span class="swatch" style={{ background: classColour(index) }} aria-hidden="true" />;
}

/** Class by its colour and its name, as in "predicted ■ 3". */
export function ClassName({ index, children }: { index: number; children?: ComponentChildren }): JSX.Element {
  return (
    <span class="class-name">
      <Swatch index={index} />
      <span>{children ?? labelName(index)}</span>
    </span>
  );
}

/**
 * The swatch of a row in its colour: square for a class, round for other subsets, an outline for what has no colour.
 */
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
 * An instance's picture, scaled without smoothing; strokes on an empty ground are inverted on a light page. Nothing
 * when there is no image.
 */
export function Thumbnail({ row, size = 17 }: { row: number; size?: number }): JSX.Element | null {
  const url = contentUrl(row);
  const [missed, setMissed] = useState<string | null>(null);
  if (!url) return null;
  if (snapshot.value.value?.content === "audio") return <Wave row={row} width={size} height={size} />;
  const ink = snapshot.value.value?.ink ?? false;
  if (missed === url) {
    return (
      <span
        class="thumbnail missing"
        role="img"
        aria-label={`${instanceName(row)} without its picture`}
        style={{ width: `${size}px`, height: `${size}px` }}
      />
    );
  }
  const fail = (): void => {
    setMissed(url);
    whenAnswered(() => setMissed(null));
  };
  return (
    <img
      onError={fail}
      class={`thumbnail${ink ? " ink" : ""}`}
      src={url}
      width={size}
      height={size}
      alt={`Content of ${instanceName(row)}`}
      loading="lazy"
    />
  );
}
