/**
 * Draws what surrounds a matrix's cells: effect sizes, neuron numbers, the frames of hovered rows, columns and cells.
 */

import { type ColumnView, type MatrixShape, placeToX, tickStep } from "../layout/matrix";
import { roundEnd } from "./colormap";
import { tick } from "./format";
import { cut } from "./text";
import { tokens } from "./theme";

/** Size of numbers on an axis, and of names. */
const [TICK, NAME] = [11, 12];
const fontOf = (size: number): string => `${size}px Roboto, 'Helvetica Neue', Arial, sans-serif`;

interface Ground {
  context: CanvasRenderingContext2D;
  ratio: number;
  shape: MatrixShape;
  view: ColumnView;
}

/**
 * End of the effect size axis: the 99th percentile of the finite values, rounded, so that one neuron without variance
 * does not flatten the others.
 */
export function effectEnd(effect: Float32Array): number {
  const sizes = effect.filter(Number.isFinite).map(Math.abs).sort();
  const largest = sizes.at(-1) ?? 0;
  const percentile = sizes[Math.max(0, Math.ceil(sizes.length * 0.99) - 1)] ?? 0;
  return roundEnd(largest > 3 * percentile ? percentile : largest);
}

/** Bars above the columns, up in A's colour and down in B's, with the axis on the left; hollow ones where there is room. */
export function paintEffect(
  { context, ratio, shape, view }: Ground,
  effect: Float32Array,
  order: Int32Array,
  up: string,
  down: string,
  hollow = false,
): void {
  if (!shape.effect) return;
  const { zero, reach } = shape.effect;
  const end = effectEnd(effect);
  const { outline, text3 } = tokens.value;
  context.font = fontOf(TICK);
  context.fillStyle = text3;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const [value, y] of [
    [end, zero - reach],
    [0, zero],
    [-end, zero + reach],
  ] as const)
    context.fillText(tick(value), shape.left - 6, Math.max(5, y + 0.5));
  context.fillStyle = outline;
  context.fillRect(shape.left, zero, shape.right - shape.left, 1 / ratio);
  const column = (shape.right - shape.left) / view.span;
  const bar = Math.max(1 / ratio, column > 3 ? column * 0.7 : column);
  const step = Math.max(1, Math.floor(1 / (ratio * column)));
  for (
    let place = Math.floor(view.first);
    place < Math.min(order.length, Math.ceil(view.first + view.span));
    place += step
  ) {
    let d = 0;
    for (let i = place; i < Math.min(place + step, order.length); i++) {
      const own = effect[order[i]!]!;
      if (Math.abs(own) > Math.abs(d)) d = own;
    }
    const height = Math.min(1, Math.abs(d) / end) * reach;
    const x = placeToX(shape, view, place + 0.5) - bar / 2;
    const from = Math.max(shape.left, x);
    const [top, width] = [d > 0 ? zero - height : zero, Math.min(shape.right, x + bar) - from];
    context.fillStyle = context.strokeStyle = d > 0 ? up : down;
    context.lineWidth = 1;
    if (hollow && width >= 4 && height >= 2) context.strokeRect(from + 0.5, top + 0.5, width - 1, height - 1);
    else context.fillRect(from, top, width, height);
  }
}

/** What a neuron is called on the axis, and the colour of its swatch. */
export type Named = (neuron: number) => { name: string; colour: string } | null;

const SWATCH = 12;

/**
 * Neuron numbers, or names with a swatch, below the columns, as many as fit. The hovered one is drawn in the accent
 * colour and hides those that it covers.
 */
export function paintIds(
  { context, shape, view }: Ground,
  order: Int32Array,
  hovered: number,
  named: Named = () => null,
): void {
  context.textBaseline = "middle";
  const column = (shape.right - shape.left) / view.span;
  const isNamed = order.length > 0 && named(order[0]!) !== null;
  const size = isNamed ? NAME : TICK;
  context.font = fontOf(size);
  const digits = context.measureText(String(Math.max(10, order.length - 1)).replace(/\d/g, "0")).width;
  // Names give way to their columns down to a letter or two; numbers are never cut.
  const widest = isNamed ? SWATCH + Math.min(40, longest(context, order, named)) : digits;
  const step = isNamed && column >= SWATCH + 12 ? 1 : tickStep(column, widest);
  const room = isNamed ? Math.max(column, step * column) - SWATCH - 4 : Infinity;
  const x = (place: number): number => placeToX(shape, view, place + 0.5);
  const write = (place: number, colour: string, most: number): void => {
    const own = named(order[place]!);
    const text = own ? cut(own.name, most, size, 400, 1) : String(order[place]);
    const width = context.measureText(text).width + (own ? SWATCH : 0);
    const middle = Math.max(shape.left + width / 2, Math.min(x(place), shape.right + 2 - width / 2));
    // Pushed far inwards it would cover the next one.
    if (own && place !== hovered && step > 1 && Math.abs(middle - x(place)) > 6) return;
    if (own) {
      context.fillStyle = own.colour;
      context.beginPath();
      context.roundRect(middle - width / 2, shape.ids - 4, 8, 8, 2);
      context.fill();
    }
    context.textAlign = "left";
    context.fillStyle = colour;
    context.fillText(text, middle - width / 2 + (own ? SWATCH : 0), shape.ids);
  };
  for (
    let place = Math.ceil(view.first / step) * step;
    place < Math.min(order.length, view.first + view.span);
    place += step
  ) {
    const at = x(place);
    const covered = hovered >= 0 && Math.abs(at - x(hovered)) < (step === 1 && isNamed ? column / 2 : widest + 5);
    if (!covered && at >= shape.left && at <= shape.right) write(place, tokens.value.text3, room);
  }
  if (hovered >= 0 && x(hovered) >= shape.left && x(hovered) <= shape.right) {
    context.font = `500 ${fontOf(size)}`;
    write(hovered, tokens.value.accent, isNamed ? Math.max(room, 90) : Infinity);
  }
}

function longest(context: CanvasRenderingContext2D, order: Int32Array, named: Named): number {
  let most = 0;
  for (let i = 0; i < Math.min(200, order.length); i++)
    most = Math.max(most, context.measureText(named(order[i]!)?.name ?? "").width);
  return most;
}

/** A thin line below the cells that shows which part of a zoomed layer is visible. Nothing when all of it is. */
export function paintPlace({ context, shape, view }: Ground, neurons: number): void {
  if (view.span >= neurons) return;
  const [width, y] = [shape.right - shape.left, shape.bottom + 2];
  context.fillStyle = tokens.value.fill2;
  context.fillRect(shape.left, y, width, 2);
  context.fillStyle = tokens.value.text3;
  const own = Math.max(8, (view.span / neurons) * width);
  context.fillRect(shape.left + (view.first / Math.max(1, neurons - view.span)) * (width - own), y, own, 2);
}

/** A frame of 1 px around a row's cells, in the colour of the text by default. */
export function frameRow(
  { context, ratio, shape }: Ground,
  top: number,
  height: number,
  clip: { top: number; height: number },
  colour = tokens.value.text,
): void {
  const snap = (at: number): number => Math.round(at * ratio) / ratio;
  const [left, right, y, end] = [snap(shape.left), snap(shape.right), snap(top), snap(top + height)];
  context.save();
  context.beginPath();
  context.rect(0, clip.top - 1, shape.right + 4, clip.height + 2);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.strokeRect(left - 0.5, y - 0.5, right - left + 1, end - y + 1);
  context.restore();
}

/** A frame of 2 px in the accent colour around a cell, with a thin halo on both sides. */
export function ringCell(
  { context, shape, view }: Ground,
  place: number,
  top: number,
  height: number,
  clip: { top: number; height: number },
): void {
  let [left, right] = [placeToX(shape, view, place), placeToX(shape, view, place + 1)];
  if (right <= shape.left || left >= shape.right || top + height <= clip.top || top >= clip.top + clip.height) return;
  const middle = (left + right) / 2;
  if (right - left < 4) [left, right] = [middle - 2, middle + 2];
  const [x, y, width, high] = [left - 0.5, top - 0.5, right - left + 1, height + 1];
  context.strokeStyle = tokens.value.background;
  context.lineWidth = 3;
  context.strokeRect(x, y, width, high);
  context.strokeStyle = tokens.value.accent;
  context.lineWidth = 2;
  context.strokeRect(x, y, width, high);
}

/** A small triangle above a column, pointing at the cells. */
export function markColumn({ context, shape, view }: Ground, place: number, colour: string): void {
  const x = placeToX(shape, view, place + 0.5);
  if (x < shape.left || x > shape.right) return;
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(x - 3, shape.top - 3.75);
  context.lineTo(x + 3, shape.top - 3.75);
  context.lineTo(x, shape.top);
  context.fill();
}
