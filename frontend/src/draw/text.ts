/** Measures and truncates text for canvas and SVG. */

import { cutMiddle } from "../layout/names";

/** SVG and canvas do not truncate text, so widths are measured here. */
export const FONT = 'Roboto, "Helvetica Neue", Arial, sans-serif';

const widths = new Map<string, number>();
let context: CanvasRenderingContext2D | null = null;

export function widthOf(text: string, size: number, weight = 400): number {
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

/** The text, or as much of its beginning and end as fit, with an ellipsis between them. */
export const cutInside = (text: string, room: number, size: number, weight = 400): string =>
  cutMiddle(text, room, (part) => widthOf(part, size, weight));

/** The text, or as much of it as fits, with an ellipsis; empty if fewer than `least` letters fit. */
export function cut(text: string, room: number, size: number, weight = 400, least = 3): string {
  if (widthOf(text, size, weight) <= room) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (widthOf(`${text.slice(0, middle)}…`, size, weight) <= room) low = middle;
    else high = middle - 1;
  }
  return low < least ? "" : `${text.slice(0, low)}…`;
}
