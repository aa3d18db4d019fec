/** Brushing a range of a neuron's activation distribution. */

import { signal } from "@preact/signals";
import { followDrag } from "../../lib/drag";
import { pickWhere } from "../../state/actions";
import { rangeExpression } from "../../state/buildExpression";
import { whereOf } from "../../state/data";
import { picked } from "../../state/members";
import type { Axis } from "./axis";

/** A range of a neuron's activation. */
export interface Brush {
  layer: string;
  neuron: number;
  from: number;
  to: number;
  /** The expression of the picked instances; undefined while dragging. */
  expression?: string;
}

const brush = signal<Brush | null>(null);

/** The range on this neuron: the one that is dragged, or the picked one. */
export function drawnOn(layer: string, neuron: number): Brush | null {
  const now = brush.value;
  if (now?.layer !== layer || now.neuron !== neuron) return null;
  if (now.expression === undefined || picked.value?.expression === now.expression) return now;
  return picked.value === null && whereOf(now.expression).value.status === "pending" ? now : null;
}

const STILL = 3;

/**
 * Handles a pointer that was pressed on a distribution: beyond a few pixels it selects a range, whose instances are
 * picked.
 */
export function dragBrush(
  event: PointerEvent,
  target: { layer: string; neuron: number },
  axis: Axis,
  left: number,
  right: number,
): void {
  const ground = event.currentTarget as HTMLElement;
  const at = ({ clientX }: PointerEvent): number =>
    Math.max(left, Math.min(right, clientX - ground.getBoundingClientRect().left));
  const start = at(event);
  const value = (x: number): number => axis.low + ((x - left) / (right - left)) * (axis.high - axis.low);
  if (event.button !== 0 || event.clientX - ground.getBoundingClientRect().left < left - 8) return;
  event.preventDefault();
  brush.value = null;
  const move = (now: PointerEvent): void => {
    const x = at(now);
    if (Math.abs(x - start) >= STILL || brush.peek())
      brush.value = { ...target, from: value(Math.min(start, x)), to: value(Math.max(start, x)) };
  };
  const end = (): void => {
    const drawn = brush.peek();
    if (drawn) pickRange(drawn, axis);
  };
  followDrag(window, move, end);
}

/** Picks the range. An end at the edge of the distribution is open, to include what lies beyond. */
export function pickRange({ layer, neuron, from, to }: Brush, axis: Axis): void {
  const fine = 10 ** Math.floor(Math.log10((axis.high - axis.low) / 300));
  const words = (value: number): string => String(Number((Math.round(value / fine) * fine).toPrecision(6)));
  const near = (axis.high - axis.low) / 200;
  const [low, high] = [from - axis.low < near ? null : words(from), axis.high - to < near ? null : words(to)];
  const range = low === null ? (high === null ? "" : `< ${high}`) : high === null ? `≥ ${low}` : `${low} to ${high}`;
  const expression = rangeExpression(layer, neuron, low, high);
  brush.value = { layer, neuron, from, to, expression };
  pickWhere(expression, `neuron ${neuron} ${range.replaceAll("-", "−")}`.trim());
}
