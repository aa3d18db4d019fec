/** The Confusion tab: the confusion matrix. */

import { computed, useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useCallback, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { Canvas, type Surface } from "../../draw/Canvas";
import { classColour } from "../../draw/classes";
import { mapColour } from "../../draw/colormap";
import { count, integer, percent } from "../../draw/format";
import { cut, FONT, widthOf } from "../../draw/text";
import { theme, tokens } from "../../draw/theme";
import {
  type CellHit,
  type ConfusionLayout,
  cellAt,
  layOutConfusion,
  mostConfused,
  orderByConfusion,
  READABLE,
} from "../../layout/confusion";
import { followSize } from "../../lib/sizes";
import { pick } from "../../state/actions";
import { isByErrors } from "../../state/classOrder";
import { cellExpression, cellName, confusionCounts, pickCell } from "../../state/confusion";
import { columns } from "../../state/data";
import { classOfRow, hoveredRow, labelName, noun, shortOf } from "../../state/derived";
import { clearHover, hoveredInstance, setHover } from "../../state/hover";
import { picked } from "../../state/members";
import { expressionKey, type RowKey, subsetKey } from "../../state/rowKeys";
import { classOrder } from "../../state/view";
import { Tooltip } from "../controls/Tooltip";
import "../../lib/laterStyles";
import { withTitle } from "./listSubject";

/**
 * `order` has the classes that are shown; of many, those with errors (`confused`). `most` is the largest count off the diagonal, the
 * end of the colour scale.
 */
const matrix = computed(() => {
  const now = confusionCounts.value;
  if (!now) return null;
  const { counts, classes } = now;
  const confused = isByErrors(classOrder.value, classes) ? orderByConfusion(counts, classes) : [];
  const order = confused.length > 0 ? confused : Array.from({ length: classes }, (_, own) => own);
  return { ...now, order, confused: confused.length > 0, most: mostConfused(counts, classes) };
});
type Matrix = NonNullable<typeof matrix.value>;

/** A cell by its place on the screen as one by its classes. */
function classesAt({ order }: Matrix, { label, prediction }: CellHit): CellHit {
  const own = (place: number | null): number | null => (place === null ? null : (order[place] ?? null));
  return { label: own(label), prediction: own(prediction) };
}

/** Labels by predictions. Colours are scaled by the errors; a click on a cell or a name picks its instances. */
export function Confusion(): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const size = useSignal({ width: 0, height: 0 });
  const scroll = useSignal({ x: 0, y: 0 });
  /** By places. */
  const pointed = useSignal<CellHit | null>(null);
  const laid = useMemo(
    () =>
      computed(() => {
        const now = matrix.value;
        if (!now || size.value.width === 0) return null;
        const names = now.order.slice(0, 2000).map((own) => widthOf(shortOf(labelName(own)), 12, 500));
        const smallest = now.confused ? READABLE : undefined;
        return layOutConfusion(now.order.length, size.value.width, Math.max(8, ...names), smallest);
      }),
    [],
  );
  useLayoutEffect(
    () =>
      followSize(scroller.current, ({ clientWidth: width, clientHeight: height }) => (size.value = { width, height })),
    [],
  );
  // Scroll to a class that is hovered elsewhere.
  useSignalEffect(() => {
    const key = hoveredRow.value;
    if (key === null || pointed.peek() !== null || !laid.peek()) return;
    const label = matrix.peek()?.order.indexOf(classOfRow(key)) ?? -1;
    if (label >= 0) reveal(scroller.current, laid.peek(), { label, prediction: null });
  });
  const draw = useCallback((surface: Surface) => {
    if (matrix.value && laid.value) paint(surface, matrix.value, laid.value, scroll.value, pointed.value);
  }, []);

  const point = (hit: CellHit | null): void => {
    const before = pointed.peek();
    if (before?.label === hit?.label && before?.prediction === hit?.prediction) return;
    pointed.value = hit;
    const now = matrix.peek();
    const key = hit && now && keyOf(classesAt(now, hit));
    if (key) setHover({ row: key });
    else clearHover();
  };
  const hitOf = (event: MouseEvent): CellHit | null => {
    const box = scroller.current?.getBoundingClientRect();
    if (!box || !laid.peek()) return null;
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { left, top } = laid.peek() as ConfusionLayout;
    // Names do not scroll with the cells.
    return cellAt(
      laid.peek() as ConfusionLayout,
      x < left ? x : x + scroll.peek().x,
      y < top ? y : y + scroll.peek().y,
    );
  };
  const choose = (hit: CellHit | null): void => {
    const now = matrix.peek();
    if (hit && now) pickCell(classesAt(now, hit));
  };
  const keys = (event: KeyboardEvent): void => {
    const now = matrix.peek();
    if (!now) return;
    const [dy, dx] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [];
    if (dy !== undefined && dx !== undefined) {
      const { label, prediction } = pointed.peek() ?? { label: 0, prediction: -1 };
      const within = (value: number): number => Math.max(0, Math.min(now.order.length - 1, value));
      point({ label: within((label ?? 0) + dy), prediction: within((prediction ?? 0) + dx) });
      reveal(scroller.current, laid.peek(), pointed.peek());
    } else if (event.key === "Enter" || event.key === " ") choose(pointed.peek());
    else if (event.key === "Escape") pick(null);
    else return;
    event.preventDefault();
  };

  const [now, at] = [matrix.value, laid.value];
  const description = now && pointed.value ? explain(now, classesAt(now, pointed.value)) : "";
  return (
    <>
      {now?.confused && (
        <p class="confusion-part caption cut">
          {now.order.length < now.classes && `${integer(now.order.length)} of `}
          {count(now.classes, "class", "classes")}, the most confused first
        </p>
      )}
      <div class="confusion" style={at ? { "--confusion": `${at.height}px` } : {}}>
        <Canvas draw={draw} aria-hidden />
        <div
          ref={scroller}
          class="confusion-scroll"
          tabIndex={0}
          role="application"
          aria-roledescription="confusion matrix"
          aria-label="Label by prediction. Arrow keys go from cell to cell, Enter picks its instances."
          onKeyDown={keys}
          onScroll={(event) => (scroll.value = { x: event.currentTarget.scrollLeft, y: event.currentTarget.scrollTop })}
          onPointerMove={(event) => point(hitOf(event))}
          onPointerLeave={() => point(null)}
          onBlur={() => point(null)}
          onClick={(event) => choose(hitOf(event))}
        >
          {at && <div style={{ width: `${at.width}px`, height: `${at.height}px` }} />}
        </div>
        {pointed.value && at && now && (
          <Explained hit={pointed.value} at={at} box={scroller} scroll={scroll.value}>
            {description}
          </Explained>
        )}
        <span class="hidden-text" role="status">
          {description}
        </span>
      </div>
    </>
  );
}

/** The row that highlights a cell's instances in all views. */
function keyOf(hit: CellHit): RowKey | null {
  const expression = cellExpression(hit);
  if (expression === null) return null;
  if (hit.label !== null && hit.prediction === null) return subsetKey(labelName(hit.label));
  return withTitle(expressionKey(expression), cellName(hit));
}

function explain({ counts, classes, totals }: Matrix, { label, prediction }: CellHit): string {
  if (label !== null && prediction !== null) {
    const own = counts[label * classes + prediction] as number;
    const share = percent(own / (totals[label] || 1));
    return `${cellName({ label, prediction })}: ${count(own, noun.value)}, ${share} of class ${labelName(label)}`;
  }
  if (label !== null) {
    const share = percent((counts[label * classes + label] as number) / (totals[label] || 1));
    return `Label ${labelName(label)}: ${count(totals[label] as number, noun.value)}, ${share} right`;
  }
  let sum = 0;
  for (let i = 0; i < classes; i++) sum += counts[i * classes + (prediction as number)] as number;
  const share = percent((counts[(prediction as number) * (classes + 1)] as number) / (sum || 1));
  return `Predicted ${labelName(prediction as number)}: ${count(sum, noun.value)}, ${share} right`;
}

function Explained({
  hit,
  at,
  box,
  scroll,
  children,
}: {
  hit: CellHit;
  at: ConfusionLayout;
  box: { current: HTMLDivElement | null };
  scroll: { x: number; y: number };
  children: string;
}): JSX.Element | null {
  const frame = box.current?.getBoundingClientRect();
  if (!frame) return null;
  const column = { left: frame.left + at.left + (hit.prediction ?? 0) * at.cell - scroll.x, width: at.cell };
  const line = { top: frame.top + at.top + (hit.label ?? 0) * at.cell - scroll.y, height: at.cell };
  const anchor =
    hit.prediction === null
      ? { ...line, left: frame.left, width: at.left }
      : hit.label === null
        ? { ...column, top: frame.top, height: at.top }
        : { ...column, ...line };
  return (
    <Tooltip
      anchor={anchor}
      avoid={[
        { ...line, left: frame.left, width: frame.width },
        { ...column, top: frame.top, height: frame.height },
      ]}
    >
      {children}
    </Tooltip>
  );
}

function reveal(box: HTMLElement | null, at: ConfusionLayout | null, hit: CellHit | null): void {
  if (!box || !at || hit?.label == null) return;
  const along = (from: number, size: number, start: number, own: number): number =>
    Math.max(own + at.cell + start - size, Math.min(from, own));
  const across = hit.prediction ?? hit.label;
  box.scrollTo(
    along(box.scrollLeft, box.clientWidth, at.left, across * at.cell),
    along(box.scrollTop, box.clientHeight, at.top, hit.label * at.cell),
  );
}

function paint(
  { context, width, height, ratio }: Surface,
  now: Matrix,
  at: ConfusionLayout,
  scroll: { x: number; y: number },
  hit: CellHit | null,
): void {
  const colours = tokens.value;
  const { counts, classes, order, most } = now;
  const { left, top, cell } = at;
  const known = columns.value.value;
  const instance = hoveredInstance.value;
  const hoveredKey = hoveredRow.value;
  const snap = (value: number): number => Math.round(value * ratio) / ratio;
  const gap = cell >= 14 ? 1 : 0;
  const first = (offset: number): number => Math.max(0, Math.floor(offset / cell));
  const last = (offset: number, room: number): number => Math.min(order.length, Math.ceil((offset + room) / cell));
  const [r0, r1, c0, c1] = [
    first(scroll.y),
    last(scroll.y, height - top),
    first(scroll.x),
    last(scroll.x, width - left),
  ];
  const x = (c: number): number => snap(left + c * cell - scroll.x);
  const y = (r: number): number => snap(top + r * cell - scroll.y);
  const own = (place: number): boolean => hoveredKey !== null && hoveredKey === subsetKey(labelName(order[place]));
  const some = hoveredKey !== null && hit?.prediction == null && order.some((_, place) => own(place));
  context.save();
  context.beginPath();
  context.rect(left, top, width - left, height - top);
  context.clip();
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `12px ${FONT}`;
  for (let r = r0; r < r1; r++) {
    for (let c = c0; c < c1; c++) {
      const value = counts[order[r]! * classes + order[c]!] as number;
      const share = most > 0 ? 0.1 + 0.9 * (value / most) : 0;
      context.globalAlpha = some && !own(r) ? 0.38 : 1;
      context.fillStyle = r === c ? colours.fill2 : value === 0 ? colours.fill : mapColour(share);
      context.fillRect(x(c), y(r), cell - gap, cell - gap);
      if (value === 0 || cell < 17) continue;
      const text = value >= 1000 ? `${Math.round(value / 100) / 10}k` : integer(value);
      if (cell < 22 && text.length > 2) continue;
      const bright = theme.value === "light" ? share > 0.5 : share < 0.6;
      context.fillStyle = r === c ? colours.text2 : bright ? "#ffffff" : "#212121";
      context.fillText(text, x(c) + (cell - gap) / 2, y(r) + (cell - gap) / 2 + 0.5);
    }
  }
  context.globalAlpha = 1;
  const frame = (r: number, c: number, colour: string, wide: number): void => {
    context.lineWidth = wide;
    context.strokeStyle = colour;
    context.strokeRect(x(c) - gap / 2, y(r) - gap / 2, cell, cell);
  };
  if (hit?.label != null && hit.prediction !== null) frame(hit.label, hit.prediction, colours.accent, 2);
  const isSelected =
    instance === undefined || !known
      ? null
      : ([known.label, known.prediction].map((of) => order.indexOf(of[instance] as number)) as [number, number]);
  if (isSelected && isSelected[0] >= 0 && isSelected[1] >= 0) frame(isSelected[0], isSelected[1], colours.accent, 2);
  const set = picked.value?.name;
  for (let r = r0; set?.includes(" → ") && r < r1; r++)
    for (let c = c0; c < c1; c++)
      if (cellName(classesAt(now, { label: r, prediction: c })) === set) frame(r, c, colours.text, 1.5);
  context.restore();
  names(
    context,
    order,
    at,
    { r0, r1, c0, c1 },
    x,
    y,
    (index, across) => (across ? hit?.prediction === index : hit?.label === index || own(index)),
    width,
    height,
  );
}

function names(
  context: CanvasRenderingContext2D,
  order: readonly number[],
  { left, top, cell, upright }: ConfusionLayout,
  range: { r0: number; r1: number; c0: number; c1: number },
  x: (c: number) => number,
  y: (r: number) => number,
  strong: (index: number, across: boolean) => boolean,
  width: number,
  height: number,
): void {
  const colours = tokens.value;
  context.textBaseline = "middle";
  context.font = `12px ${FONT}`;
  context.fillStyle = colours.text2;
  context.textAlign = "left";
  context.fillText("predicted →", left, 11);
  context.fillText("label ↓", 12, top - 10);
  // If the cells are too low for a name each, as many as fit.
  const every = Math.ceil(13 / cell);
  const write = (index: number, across: boolean, room: number): void => {
    const weight = strong(index, across) ? 500 : 400;
    context.font = `${weight} 12px ${FONT}`;
    context.fillStyle = weight > 400 ? colours.text : colours.text2;
    context.fillText(cut(shortOf(labelName(order[index])), room, 12, weight, 1), 0, 0.5);
  };
  context.save();
  context.beginPath();
  context.rect(0, top, left, height - top);
  context.clip();
  for (let r = range.r0; r < range.r1; r++) {
    const middle = y(r) + cell / 2;
    context.fillStyle = classColour(order[r]!);
    if (cell >= 11) {
      context.beginPath();
      context.roundRect(12, middle - 4, 8, 8, 2);
      context.fill();
    }
    if (r % every !== 0 && !strong(r, false)) continue;
    context.save();
    context.translate(25, middle);
    write(r, false, left - 31);
    context.restore();
  }
  context.restore();
  context.save();
  context.beginPath();
  context.rect(left - 4, 0, width - left + 4, top);
  context.clip();
  for (let c = range.c0; c < range.c1; c++) {
    if (c % every !== 0 && !strong(c, true)) continue;
    context.save();
    context.translate(x(c) + cell / 2, top - 6);
    if (upright) context.rotate(-Math.PI / 2);
    else context.translate(0, -4);
    context.textAlign = upright ? "left" : "center";
    write(c, true, upright ? top - 26 : cell);
    context.restore();
  }
  context.restore();
}
