/** Pointer handling of a projection. */

import type { Signal } from "@preact/signals";
import { panBy, toPlace, zoomAt } from "../../layout/projection";
import { nearest } from "../../layout/projectionGrid";
import { joined, type LassoMode, tracer } from "../../layout/projectionLasso";
import { clickInstance, pick } from "../../state/actions";
import { clearHover, setHover } from "../../state/hover";
import { picked } from "../../state/members";
import { panel } from "../../state/view";
import type { PlotState } from "./plotState";

/** Maximum distance of the pointer from a point, in pixels. */
const NEAR = 10;
const STILL = 4;

interface Handlers {
  onPointerDown: (event: PointerEvent) => void;
  onPointerMove: (event: PointerEvent) => void;
  onPointerUp: (event: PointerEvent) => void;
  onPointerCancel: (event: PointerEvent) => void;
  onPointerLeave: () => void;
  onDblClick: () => void;
}

type Drag = { kind: "press" | "lasso" | "pan"; id: number; x: number; y: number; mode: LassoMode; scale: number };

/**
 * Moving hovers, a click pins, a drag draws a lasso (shift adds, alt removes); the wheel zooms with Ctrl, or where the
 * plot has the focus; the middle button, the space bar or two fingers pan.
 */
export function plotPointer(
  plot: PlotState,
  element: { current: HTMLDivElement | null },
  line: Signal<number[]>,
  own: Signal<boolean>,
): { handlers: Handlers; listen: () => () => void } {
  const { zoom } = panel(plot.layer);
  const fingers = new Map<number, { x: number; y: number }>();
  let drag: Drag | null = null;
  let over = false;
  let space = false;
  const trace = tracer();

  const local = (event: MouseEvent): { x: number; y: number } => {
    const box = element.current?.getBoundingClientRect();
    return { x: event.clientX - (box?.left ?? 0), y: event.clientY - (box?.top ?? 0) };
  };
  const instanceAt = (x: number, y: number): number => {
    const [frame, grid] = [plot.frame.peek(), plot.grid.peek()];
    return frame && grid ? nearest(grid, ...toPlace(frame, x, y), NEAR / frame.scale, plot.counts) : -1;
  };
  const pan = (dx: number, dy: number): void => {
    const { width, height } = plot.size.peek();
    zoom.value = panBy(zoom.peek(), dx, dy, width, height);
  };
  const scaleAt = (factor: number, x: number, y: number): void => {
    const { width, height } = plot.size.peek();
    zoom.value = zoomAt(zoom.peek(), factor, x, y, width, height);
  };
  const draw = (x: number, y: number): void => {
    const [frame, grid] = [plot.frame.peek(), plot.grid.peek()];
    if (!frame || !grid) return;
    const [before, place] = [line.peek(), toPlace(frame, x, y)];
    // Closer corners are not visible.
    if (before.length > 0 && Math.hypot(place[0] - before.at(-2)!, place[1] - before.at(-1)!) * frame.scale < 3) return;
    line.value = [...before, ...place];
    trace(line.peek(), grid);
  };
  const closeLasso = (mode: LassoMode): void => {
    const [grid, drawn] = [plot.grid.peek(), line.peek()];
    line.value = [];
    if (!grid) return;
    const members = trace([...drawn, ...drawn.slice(0, 2)], grid);
    if (plot.hidden.peek().size > 0)
      for (let index = 0; index < members.length; index++) if (!plot.counts(index)) members[index] = 0;
    pick({
      name: "lasso",
      layer: plot.layer,
      indices: joined(picked.peek()?.indices ?? new Int32Array(0), members, mode),
    });
  };
  const twoFingers = (event: PointerEvent, now: { x: number; y: number }): void => {
    const before = [...fingers.values()];
    fingers.set(event.pointerId, now);
    const after = [...fingers.values()];
    const [a, b, c, d] = [before[0]!, before[1]!, after[0]!, after[1]!];
    pan((c.x + d.x - a.x - b.x) / 2, (c.y + d.y - a.y - b.y) / 2);
    const spread = Math.hypot(a.x - b.x, a.y - b.y);
    if (spread > 0) scaleAt(Math.hypot(c.x - d.x, c.y - d.y) / spread, (c.x + d.x) / 2, (c.y + d.y) / 2);
  };
  const release = (event: PointerEvent, ends: boolean): void => {
    fingers.delete(event.pointerId);
    if (!drag || drag.id !== event.pointerId) return;
    const { kind, mode } = drag;
    drag = null;
    if (kind === "lasso" && ends) closeLasso(mode);
    else if (kind === "press" && ends) {
      const { x, y } = local(event);
      const index = instanceAt(x, y);
      if (index >= 0) clickInstance(index);
      else if (picked.peek()) pick(null);
    }
    line.value = [];
  };

  const onTools = ({ target }: Event): boolean =>
    target instanceof Element && target.closest(".projection-tools") !== null;

  const handlers: Handlers = {
    onPointerDown(event) {
      if (onTools(event)) return;
      const { x, y } = local(event);
      if (event.pointerType === "touch") fingers.set(event.pointerId, { x, y });
      if (fingers.size === 2) {
        drag = null;
        line.value = [];
        return;
      }
      if (event.button > 1) return;
      const panning = event.button === 1 || space;
      if (panning) event.preventDefault();
      element.current?.setPointerCapture(event.pointerId);
      drag = {
        kind: panning ? "pan" : "press",
        id: event.pointerId,
        x,
        y,
        mode: event.shiftKey ? "add" : event.altKey ? "remove" : "new",
        scale: zoom.peek().scale,
      };
    },
    onPointerMove(event) {
      const { x, y } = local(event);
      if (fingers.size === 2 && fingers.has(event.pointerId)) return twoFingers(event, { x, y });
      if (!drag) {
        const index = onTools(event) ? -1 : instanceAt(x, y);
        own.value = index >= 0;
        return index >= 0 ? setHover({ instance: index }) : clearHover();
      }
      if (drag.kind === "pan") {
        pan(x - drag.x, y - drag.y);
        drag = { ...drag, x, y };
      } else if (drag.kind === "lasso") draw(x, y);
      else if (Math.hypot(x - drag.x, y - drag.y) > STILL) {
        clearHover();
        draw(drag.x, drag.y);
        draw(x, y);
        drag = { ...drag, kind: "lasso" };
      }
    },
    onPointerUp: (event) => release(event, true),
    onPointerCancel: (event) => release(event, false),
    onPointerLeave() {
      if (drag) return;
      own.value = false;
      clearHover();
    },
    onDblClick() {
      // A double click shows everything. Its two clicks have pinned the instance under the pointer, if any.
      if (!own.peek()) zoom.value = { scale: 1, x: 0, y: 0 };
    },
  };

  const listen = (): (() => void) => {
    const box = element.current;
    const wheel = (event: WheelEvent): void => {
      // Otherwise the panels scroll: a wheel on its way over plots must not be caught in one.
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== box) return;
      event.preventDefault();
      const { x, y } = local(event);
      const lines = event.deltaMode === 1 ? 16 : 1;
      scaleAt(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), x, y);
    };
    const enter = (): void => {
      over = true;
    };
    const leave = (): void => {
      over = false;
    };
    const key = (event: KeyboardEvent): void => {
      if (event.key !== " ") return;
      const typing =
        event.target instanceof Element && event.target.closest("input, textarea, button, [contenteditable]");
      space = event.type === "keydown" && over && !typing;
      if (space) event.preventDefault();
      if (box) box.style.cursor = space ? "grab" : "";
    };
    box?.addEventListener("wheel", wheel, { passive: false });
    box?.addEventListener("pointerenter", enter);
    box?.addEventListener("pointerleave", leave);
    window.addEventListener("keydown", key);
    window.addEventListener("keyup", key);
    return () => {
      box?.removeEventListener("wheel", wheel);
      box?.removeEventListener("pointerenter", enter);
      box?.removeEventListener("pointerleave", leave);
      window.removeEventListener("keydown", key);
      window.removeEventListener("keyup", key);
    };
  };
  return { handlers, listen };
}
