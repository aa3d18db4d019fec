/** Texts and pictures of instances, painted by the selected neuron where it is known where it responds. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { paintedOf, show } from "../../state/painted";
import { PaintedContent } from "./PaintedContent";
import { TokenText } from "./TokenText";

/** `children`: the text as it is, which is shown while its tokens are not known. */
export function PaintedText({
  index,
  room,
  children,
}: {
  index: number;
  room: number;
  children: ComponentChildren;
}): JSX.Element {
  useEffect(() => show(index), [index]);
  const painted = paintedOf(index);
  if (!painted?.map.tokens) return <>{children}</>;
  return <TokenText map={painted.map} scale={painted.scale} room={room} />;
}

/** `children`: the picture as it is, likewise. */
export function PaintedThumbnail({
  index,
  size,
  children,
}: {
  index: number;
  size: number;
  children: ComponentChildren;
}): JSX.Element | null {
  useEffect(() => show(index), [index]);
  const painted = paintedOf(index);
  if (!painted || painted.map.tokens) return <>{children}</>;
  return <PaintedContent {...painted} size={size} width={2 * size} />;
}
