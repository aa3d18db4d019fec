/** An instance with what a neuron makes of it: tokens, an image, a sound or a series; whatever it is. */

import type { JSX } from "preact";
import { hasTexts } from "../../state/data";
import { PaintedPicture, type PaintedProperties } from "./PaintedPicture";
import { PaintedSeries } from "./PaintedSeries";
import { PlainText } from "./PlainText";
import { TokenText } from "./TokenText";

interface Properties extends PaintedProperties {
  /** Of what runs along the time, in pixels. */
  width: number;
  /** Letters of a text that are seen at once. */
  room?: number;
  /** Shown where tokens are not known. */
  text?: string | undefined;
}

export function PaintedContent({ width, room, text, ...painted }: Properties): JSX.Element | null {
  const { map, sizes, scale, size } = painted;
  if (map.tokens) return <TokenText map={map} scale={scale} {...(room !== undefined && { room })} />;
  if (hasTexts.value) return <PlainText text={text ?? "…"} {...(room !== undefined && { room })} />;
  if (sizes.length > 1) return <PaintedPicture {...painted} />;
  return <PaintedSeries map={map} scale={scale} width={width} height={size} paint={painted.paint ?? "overlay"} />;
}
