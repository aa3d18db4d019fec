/** Keyboard handling of a projection. */

import type { Signal } from "@preact/signals";
import { panBy, toPlace, WHOLE, zoomAt } from "../../layout/projection";
import { type Direction, nearest, towards } from "../../layout/projectionGrid";
import { joined } from "../../layout/projectionLasso";
import { clickInstance, pick } from "../../state/actions";
import { columns } from "../../state/data";
import { clearHover, hover, setHover } from "../../state/hover";
import { membersOfIndices, picked } from "../../state/members";
import { panel } from "../../state/view";
import type { PlotState } from "./plotState";

const ARROWS: Record<string, Direction> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

/**
 * Arrow keys hover the next instance, with shift they pan; Enter pins, with shift (alt) it adds to (removes from) the
 * picked set.
 */
export function plotKeys(plot: PlotState, own: Signal<boolean>): (event: KeyboardEvent) => void {
  const { zoom } = panel(plot.layer);
  const scaled = (factor: number): void => {
    const { width, height } = plot.size.peek();
    zoom.value = zoomAt(zoom.peek(), factor, width / 2, height / 2, width, height);
  };
  const go = (direction: Direction): void => {
    const [xy, frame, grid] = [plot.xy.peek(), plot.frame.peek(), plot.grid.peek()];
    if (!xy || !frame || !grid) return;
    const from = hover.peek().instance;
    const index =
      from === undefined
        ? nearest(
            grid,
            ...toPlace(frame, frame.width / 2, frame.height / 2),
            (frame.width + frame.height) / frame.scale,
            plot.counts,
          )
        : towards(xy, from, direction, plot.counts);
    if (index < 0) return;
    own.value = true;
    setHover({ instance: index });
  };
  return (event) => {
    if (event.target !== event.currentTarget) return;
    const direction = ARROWS[event.key];
    const { instance } = hover.peek();
    if (direction && event.shiftKey) {
      const { width, height } = plot.size.peek();
      const [dx, dy] = { left: [40, 0], right: [-40, 0], up: [0, 40], down: [0, -40] }[direction] as [number, number];
      zoom.value = panBy(zoom.peek(), dx, dy, width, height);
    } else if (direction) go(direction);
    else if (event.key === "Enter" && instance !== undefined) {
      const mode = event.shiftKey ? "add" : event.altKey ? "remove" : null;
      const known = columns.peek().value;
      if (mode && known)
        pick({
          name: "lasso",
          layer: plot.layer,
          indices: joined(picked.peek()?.indices ?? new Int32Array(0), membersOfIndices(known, [instance]), mode),
        });
      if (!mode) clickInstance(instance);
    } else if (event.key === "+" || event.key === "=") scaled(1.4);
    else if (event.key === "-") scaled(1 / 1.4);
    else if (event.key === "0") zoom.value = WHOLE;
    else if (event.key === "Escape") {
      if (picked.peek() && instance === undefined) pick(null);
      own.value = false;
      clearHover();
    } else return;
    event.preventDefault();
  };
}
