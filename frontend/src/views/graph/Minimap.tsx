/** A minimap of the graph. */

import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { Canvas, type Surface } from "../../draw/Canvas";
import { tokens } from "../../draw/theme";
import { openLayers } from "../../state/derived";
import type { Shown } from "./graphState";

export interface Seen {
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Props {
  shown: Shown;
  seen: Seen;
  room: { width: number; height: number };
  onGo: (x: number, y: number) => void;
}

/** The whole drawing, with a frame around the visible part. A press scrolls there. */
export function Minimap({ shown, seen, room, onGo }: Props): JSX.Element {
  const { drawing } = shown;
  const factor = Math.min(room.width / drawing.width, room.height / drawing.height);
  // Boxes of a long column or a wide graph would be too thin: they are drawn thicker.
  const [width, height] = [Math.max(20, drawing.width * factor), Math.max(20, drawing.height * factor)];
  const [fx, fy] = [width / drawing.width, height / drawing.height];
  const draw = useCallback(
    ({ context }: Surface) => {
      const colours = tokens.value;
      const open = new Set(openLayers.value);
      for (const { form, key, x, y, width: w, height: h, level } of drawing.boxes) {
        if (form === "more") continue;
        context.fillStyle = open.has(key)
          ? colours.accentFill
          : form === "open"
            ? level % 2 === 0
              ? colours.fill2
              : colours.fill
            : colours.outline;
        const inset = form === "row" ? 6 : 0;
        context.fillRect(
          (x + inset) * fx,
          y * fy,
          Math.max(1, (w - 2 * inset) * fx),
          Math.max(0.75, (h - (form === "row" ? 5 : 0)) * fy),
        );
      }
    },
    [drawing, fx, fy],
  );
  const go = (event: PointerEvent): void => {
    if (event.buttons === 0) return;
    const at = (event.currentTarget as Element).getBoundingClientRect();
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    onGo((event.clientX - at.left) / fx, (event.clientY - at.top) / fy);
  };
  const px = (value: number): string => `${value}px`;
  const frame = {
    left: px(seen.x * fx),
    top: px(seen.y * fy),
    width: px(Math.min(width, seen.width * fx)),
    height: px(Math.min(height, seen.height * fy)),
  };
  return (
    <div
      class="graph-minimap"
      style={{ width: px(width), height: px(height) }}
      aria-hidden="true"
      onPointerDown={go}
      onPointerMove={go}
    >
      <Canvas draw={draw} />
      <div class="graph-minimap-frame" style={frame} />
    </div>
  );
}
