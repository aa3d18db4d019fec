/** Pointer and keyboard handling of a matrix. */

import { BLOCKS, clampView, hit, scrollTo, zoomView } from "../../layout/matrix";
import { chooseLetter, clickRowName, removeRow, selectNeuron } from "../../state/actions";
import { clearHover, setHover } from "../../state/hover";
import { instanceOfKey, isExpressionKey } from "../../state/rowKeys";
import { panel } from "../../state/view";
import { moveBy } from "./dragRow";
import { rowAt, type Spot, type Stage } from "./matrixStage";
import { openRowMenu, renaming, siblingsOf } from "./rowMenuState";

/** Column width below which the wheel zooms in when there is nothing to scroll. */
const NARROW = 3;

function tell(stage: Stage, spot: Spot | null): void {
  const model = stage.model.peek();
  if (!spot || !model) {
    clearHover();
    return;
  }
  const key = model.keys[rowAt(model, spot)];
  const neuron = spot.place < 0 ? undefined : model.matrix.order[spot.place];
  const column = neuron === undefined ? {} : { layer: stage.layer, neuron };
  if (key === undefined) setHover(column);
  else setHover({ row: key, ...column, instance: instanceOfKey(key) ?? undefined });
}

interface Handlers {
  onPointerMove: (event: PointerEvent) => void;
  onPointerLeave: () => void;
  onPointerDown: (event: PointerEvent) => void;
  onClick: (event: MouseEvent) => void;
  onDblClick: (event: MouseEvent) => void;
  onWheel: (event: WheelEvent) => void;
}

export function pointerOf(stage: Stage): Handlers {
  let drag: { x: number; y: number; first: number; scroll: number; moved: boolean } | null = null;
  let ground: DOMRect | null = null;
  let measuredAt = 0;
  const spotAt = (event: MouseEvent): Spot | null => {
    const [shape, model] = [stage.shape.peek(), stage.model.peek()];
    if (!shape || !model) return null;
    // getBoundingClientRect forces a layout: do not call it on every event.
    if (!ground || !event.isTrusted || event.timeStamp - measuredAt > 100) {
      ground = (event.currentTarget as HTMLElement).getBoundingClientRect();
      measuredAt = event.timeStamp;
    }
    const { left, top } = ground;
    return hit(
      shape,
      stage.view.peek(),
      model.matrix.neurons,
      stage.scroll.peek(),
      event.clientX - left,
      event.clientY - top,
    );
  };
  const point = (spot: Spot | null): void => {
    const now = stage.pointed.peek();
    if (now?.block !== spot?.block || now?.row !== spot?.row || now?.place !== spot?.place) stage.pointed.value = spot;
    tell(stage, spot);
  };
  const setView = (first: number): void => {
    const neurons = stage.model.peek()?.matrix.neurons ?? 1;
    panel(stage.layer).columns.value = clampView({ ...stage.view.peek(), first }, neurons);
  };
  return {
    onPointerMove(event) {
      const shape = stage.shape.peek();
      if (drag && shape) {
        const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
        if (!drag.moved && Math.hypot(dx, dy) < 4) return;
        if (!drag.moved) {
          (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
          point(null);
        }
        drag.moved = true;
        const { span } = stage.view.peek();
        setView(drag.first - (dx / (shape.right - shape.left)) * span);
        const { count, rowHeight, height } = shape.subsets;
        const subsets = Math.max(0, Math.min(drag.scroll - dy, count * rowHeight - height));
        stage.scroll.value = { ...stage.scroll.peek(), subsets };
        return;
      }
      if (event.buttons === 0) point(spotAt(event));
    },
    onPointerLeave() {
      stage.pointed.value = null;
      clearHover();
    },
    onPointerDown(event) {
      const [spot, shape, model] = [spotAt(event), stage.shape.peek(), stage.model.peek()];
      if (event.button !== 0 || !spot || spot.place < 0 || !shape || !model) return;
      const view = stage.view.peek();
      const scrolls = shape.subsets.count * shape.subsets.rowHeight > shape.subsets.height;
      if (view.span >= model.matrix.neurons && !scrolls) return;
      drag = {
        x: event.clientX,
        y: event.clientY,
        first: view.first,
        scroll: stage.scroll.peek().subsets,
        moved: false,
      };
      const end = (): void => {
        window.removeEventListener("pointerup", end);
        window.removeEventListener("pointercancel", end);
        // The click event follows and must know that this was a drag.
        setTimeout(() => (drag = null));
      };
      window.addEventListener("pointerup", end);
      window.addEventListener("pointercancel", end);
    },
    onClick(event) {
      if (drag?.moved) return;
      const spot = spotAt(event);
      const neuron = spot && spot.place >= 0 ? stage.model.peek()?.matrix.order[spot.place] : undefined;
      if (neuron !== undefined) selectNeuron(stage.layer, neuron);
    },
    onDblClick(event) {
      const spot = spotAt(event);
      if (spot && spot.place >= 0) panel(stage.layer).columns.value = null;
    },
    onWheel(event) {
      const [shape, model, spot] = [stage.shape.peek(), stage.model.peek(), spotAt(event)];
      if (!shape || !model || !spot || spot.place < 0) return;
      const { neurons } = model.matrix;
      const view = stage.view.peek();
      const width = shape.right - shape.left;
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      const free =
        shape.subsets.count * shape.subsets.rowHeight <= shape.subsets.height &&
        !stackScrolls(event.currentTarget as HTMLElement);
      const wide = width / neurons < NARROW || view.span < neurons;
      if (
        event.ctrlKey ||
        event.metaKey ||
        (wide && free && !event.shiftKey && Math.abs(event.deltaY) > Math.abs(event.deltaX))
      ) {
        event.preventDefault();
        const { left } = (event.currentTarget as HTMLElement).getBoundingClientRect();
        const share = Math.max(0, Math.min(1, (event.clientX - left - shape.left) / width));
        const next = zoomView(view, neurons, Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), share);
        panel(stage.layer).columns.value = next.span >= neurons ? null : next;
      } else if (view.span < neurons && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
        event.preventDefault();
        setView(view.first + (sideways / width) * view.span);
      } else if (spot.block !== "subsets" && shape.pinned.count * shape.pinned.rowHeight <= shape.pinned.height) {
        // Over the pinned rows, too, the wheel scrolls the others.
        const { count, rowHeight, height } = shape.subsets;
        const scroll = stage.scroll.peek();
        const subsets = Math.max(0, Math.min(scroll.subsets + event.deltaY, count * rowHeight - height));
        if (subsets === scroll.subsets) return;
        event.preventDefault();
        stage.scroll.value = { ...scroll, subsets };
      } else return;
      point(spotAt(event));
    },
  };
}

function stackScrolls(element: HTMLElement): boolean {
  const stack = element.closest(".panel-stack");
  return stack !== null && stack.scrollHeight > stack.clientHeight + 1;
}

/**
 * Arrow keys move over rows and columns (left of the first column is the row's label); other keys do what the pointer
 * does.
 */
export function moveCursor(stage: Stage, event: KeyboardEvent | FocusEvent): void {
  const model = stage.model.peek();
  if (!model || event.target instanceof HTMLInputElement) return;
  const [total, neurons] = [model.matrix.count, model.matrix.neurons];
  if (total === 0) return;
  const all = BLOCKS.flatMap((block) => model[block].map((_, row) => ({ block, row })));
  const spot = (row: number, place: number): Spot => ({ ...all[row]!, place });
  const now = stage.cursor.peek() ?? spot(0, Math.floor(stage.view.peek().first));
  const row = Math.max(
    0,
    all.findIndex((one) => one.block === now.block && one.row === now.row),
  );
  const go = (to: number, place: number): void => {
    const next = spot(Math.max(0, Math.min(total - 1, to)), Math.max(-1, Math.min(neurons - 1, place)));
    stage.cursor.value = next;
    reveal(stage, next);
    tell(stage, next);
  };
  if (!(event instanceof KeyboardEvent)) {
    if (!stage.cursor.peek() && (event.target as HTMLElement).matches(":focus-visible")) go(row, now.place);
    return;
  }
  const shown = model.keys[rowAt(model, now)];
  // What is typed is no row yet; a letter makes it one.
  const key = now.block === "typed" ? undefined : shown;
  const neuron = now.place < 0 ? undefined : model.matrix.order[now.place];
  const zoom = (factor: number) => (): void => {
    const view = stage.view.peek();
    const next = zoomView(view, neurons, factor, Math.max(0, Math.min(1, (now.place + 0.5 - view.first) / view.span)));
    panel(stage.layer).columns.value = next.span >= neurons ? null : next;
  };
  const label = (): HTMLElement | null =>
    (event.currentTarget as HTMLElement).querySelector(`[data-row="${CSS.escape(key ?? "")}"] .matrix-label`);
  const alt = event.altKey && key !== undefined;
  const page = Math.max(1, Math.floor(stage.view.peek().span / 8));
  const vertical = (by: -1 | 1): void => {
    if (alt) moveBy(key, siblingsOf(key), by);
    go(row + by, now.place);
  };
  const does: Record<string, () => void> = {
    ArrowUp: () => vertical(-1),
    ArrowDown: () => vertical(1),
    ArrowLeft: () => go(row, now.place - 1),
    ArrowRight: () => go(row, now.place + 1),
    PageUp: () => go(row, Math.max(0, now.place - page)),
    PageDown: () => go(row, now.place + page),
    Home: () => go(event.ctrlKey ? 0 : row, -1),
    End: () => go(event.ctrlKey ? total - 1 : row, neurons - 1),
    Enter: () =>
      neuron === undefined ? key !== undefined && clickRowName(key, event.shiftKey) : selectNeuron(stage.layer, neuron),
    " ": () => key !== undefined && clickRowName(key, event.shiftKey),
    a: () => shown !== undefined && chooseLetter("a", shown),
    b: () => shown !== undefined && chooseLetter("b", shown),
    Delete: () => key !== undefined && removeRow(key),
    F2: () => {
      if (key && isExpressionKey(key)) renaming.value = { key, where: `in ${stage.layer}` };
    },
    "+": zoom(1.5),
    "=": zoom(1.5),
    "-": zoom(1 / 1.5),
    "0": () => (panel(stage.layer).columns.value = null),
    Escape: () => (event.currentTarget as HTMLElement).blur(),
    ContextMenu: () => menu(),
    F10: () => event.shiftKey && menu(),
  };
  const menu = (): void => {
    const anchor = label();
    if (anchor && key !== undefined)
      openRowMenu(
        { preventDefault: () => event.preventDefault(), currentTarget: anchor } as unknown as Event,
        key,
        `in ${stage.layer}`,
      );
  };
  const act = does[event.key];
  if (!act || (event.key.length === 1 && (event.ctrlKey || event.metaKey))) return;
  event.preventDefault();
  act();
}

/** Scrolls and pans just enough to show the cell. */
function reveal(stage: Stage, { block, row, place }: Spot): void {
  const [shape, model] = [stage.shape.peek(), stage.model.peek()];
  if (!shape || !model || !block) return;
  const scroll = stage.scroll.peek();
  const next = scrollTo(shape[block], scroll[block], row);
  if (next !== scroll[block]) stage.scroll.value = { ...scroll, [block]: next };
  const view = stage.view.peek();
  if (place < 0 || (place >= view.first && place + 1 <= view.first + view.span)) return;
  const first = place < view.first ? place : place + 1 - view.span;
  panel(stage.layer).columns.value = clampView({ ...view, first }, model.matrix.neurons);
}
