/** Measures and truncates text for canvas and SVG. */

import { signal } from "@preact/signals";
import { cutName } from "../layout/names";

/** SVG and canvas do not truncate text, so widths are measured here. */
export const FONT = 'Roboto, "Helvetica Neue", Arial, sans-serif';

const widths = new Map<string, number>();
/** Counts the times that fonts arrived: until then another one is measured and drawn. Read it where text is drawn. */
export const fonts = signal(0);

/** Call when fonts arrived. */
export function measureAnew(): void {
  widths.clear();
  fonts.value++;
}

let context: CanvasRenderingContext2D | null = null;

export function widthOf(text: string, size: number, weight = 400): number {
  void fonts.value;
  const key = `${weight} ${size} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    context ??= document.createElement("canvas").getContext("2d");
    if (!context) return text.length * size * 0.55;
    context.font = `${weight} ${size}px ${FONT}`;
    width = context.measureText(text).width;
    if (widths.size > 20_000) widths.clear();
    widths.set(key, width);
  }
  return width;
}

/**
 * The name, or as much of it as fits, with an ellipsis in it. `same`: letters at its beginning that a neighbour has,
 * too; what differs is kept.
 */
export const cutInside = (name: string, room: number, size: number, weight = 400, same = 0): string =>
  cutName(name, same, (part) => widthOf(part, size, weight) <= room, 0.45);

/**
 * The text, or as much of it as fits, with an ellipsis; empty if fewer than `least` letters fit. A text that has an
 * ellipsis in it gives way in front of that, and keeps its end, if there is room for it.
 */
export function cut(text: string, room: number, size: number, weight = 400, least = 3): string {
  if (widthOf(text, size, weight) <= room) return text;
  const at = text.indexOf("…");
  const kept = at > 0 ? cutBefore(text.slice(0, at), text.slice(at), room, size, weight, least) : "";
  return kept || cutBefore(text, "…", room, size, weight, least);
}

function cutBefore(text: string, end: string, room: number, size: number, weight: number, least: number): string {
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (widthOf(`${text.slice(0, middle)}${end}`, size, weight) <= room) low = middle;
    else high = middle - 1;
  }
  return low < least ? "" : `${text.slice(0, low)}${end}`;
}
