/** The matrix of one layer: rows by neurons, on canvas. */

import { effect } from "@preact/signals";
import type { JSX } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { RowEffects, SortQuery } from "../../api/types";
import { Canvas, type Surface } from "../../draw/Canvas";
import { classColour } from "../../draw/classes";
import { fixed } from "../../draw/format";
import { paintBlock } from "../../draw/matrixCells";
import { frameRow, markColumn, type Named, paintEffect, paintIds, paintPlace, ringCell } from "../../draw/matrixMarks";
import { tokens } from "../../draw/theme";
import { type Block, hiddenRows } from "../../layout/matrix";
import { colourOf } from "../../state/colours";
import { comparedSnapshot } from "../../state/currentSnapshot";
import { rows } from "../../state/data";
import { classOfNeuron, hoveredRow, outputLayers, shortName, shortOf } from "../../state/derived";
import { clearHover, hover } from "../../state/hover";
import { FIRST_ROWS, matrixOf } from "../../state/matrices";
import { isInstanceKey, type RowKey } from "../../state/rowKeys";
import { panel, selection } from "../../state/view";
import { Loading } from "../controls/Loading";
import { lazy } from "../controls/lazy";
import { followRestingPointer } from "../controls/restingPointer";
import { RowSwatch } from "../controls/Swatch";
import { Term } from "../controls/Term";
import { Labels } from "./Labels";
import { moveCursor, pointerOf } from "./matrixPointer";
import { barsOf, type MatrixModel, px, rowAt, type Stage, spotOf, stageOf } from "./matrixStage";

const MatrixTooltip = lazy("The tooltip", () => import("./MatrixTooltip"), "MatrixTooltip");
const RowOverSteps = lazy("The row over the steps", () => import("./RowOverSteps"), "RowOverSteps");

/** What the columns are ordered by, where their colours are of something else. */
const ORDERED: Partial<Record<SortQuery["by"], JSX.Element>> = {
  difference: <Term name="effect size">by g</Term>,
  row: <>by mean</>,
  effect: <Term name="effect on the margin">by effect</Term>,
  strongest: <>by mean</>,
};

/** Fills the room below the panel's header. */
export function Matrix({ layer }: { layer: string }): JSX.Element {
  const [stage] = useState(() => stageOf(layer));
  const over = panel(layer).over.value;
  if (rows.value.length === 0) return <p class="hint">No rows are chosen. Add some with + above.</p>;
  return (
    <Loading load={matrixOf(layer).value} what={`The matrix of ${layer}`}>
      {() => (
        <>
          <Body stage={stage} />
          {over !== null && <RowOverSteps stage={stage} row={over} />}
        </>
      )}
    </Loading>
  );
}

function Body({ stage }: { stage: Stage }): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const body = element.current;
    if (!body) return undefined;
    const measure = (): void => {
      const { clientWidth: width, clientHeight: height } = body;
      const now = stage.size.peek();
      if (now.width !== width || now.height !== height) stage.size.value = { width, height };
    };
    const observer = new ResizeObserver(measure);
    observer.observe(body);
    measure();
    const look = effect(() => {
      panel(stage.layer).scrolled.value = isBeyond(stage);
    });
    const stop = followRestingPointer(body, () => [stage.shape.value, stage.view.value, stage.scroll.value]);
    return () => {
      observer.disconnect();
      look();
      stop();
      if (stage.pointed.peek()) clearHover();
    };
  }, []);
  const drawCells = useCallback((surface: Surface) => paintCells(stage, surface), [stage]);
  const drawMarks = useCallback((surface: Surface) => paintMarks(stage, surface), [stage]);
  const [pointer] = useState(() => pointerOf(stage));
  const [model, shape, cursor, margin] = [stage.model.value, stage.shape.value, stage.cursor.value, stage.margin.value];
  const ordered = model && ORDERED[model.matrixQuery.sort.by];
  const active = cursor && model && (cursor.place < 0 ? `${stage.layer}-row-${rowId(stage)}` : `${stage.layer}-cell`);
  return (
    <div ref={element} class="matrix-body" {...pointer}>
      <Canvas class="matrix-canvas" draw={drawCells} />
      <div
        role="grid"
        class="matrix-grid"
        tabIndex={0}
        aria-label={`Activations in ${stage.layer}: rows by neurons`}
        aria-rowcount={model?.matrix.count}
        aria-colcount={(model?.matrix.neurons ?? 0) + 1}
        aria-activedescendant={active ?? undefined}
        onKeyDown={(event) => moveCursor(stage, event)}
        onFocus={(event) => moveCursor(stage, event)}
        onFocusOut={({ currentTarget, relatedTarget }) => {
          if (currentTarget.contains(relatedTarget as Node | null)) return;
          stage.cursor.value = null;
          clearHover();
        }}
      >
        <Labels stage={stage} block="pinned" />
        <Labels stage={stage} block="typed" />
        <Labels stage={stage} block="subsets" />
      </div>
      <Canvas class="matrix-canvas matrix-marks" draw={drawMarks} aria-hidden="true" />
      {shape?.effect && model && (
        <div class="matrix-effect caption" style={{ width: px(shape.left - 32) }}>
          {margin ? (
            <MarginHead model={model} effects={margin} />
          ) : (
            <>
              <div>
                <Term name={model.b < 0 ? "concept" : "effect size"}>
                  {barsOf(model)} {model.b < 0 || <i>g</i>}
                </Term>
              </div>
              <div class="cut">
                <Lettered model={model} row={model.a} /> − <Lettered model={model} row={model.b} />
              </div>
            </>
          )}
        </div>
      )}
      {shape?.effect && margin?.estimate.method === "none" && (
        <div class="matrix-effect caption cut" style={{ left: px(shape.left), width: px(shape.right - shape.left) }}>
          {margin.estimate.words}
        </div>
      )}
      {shape && <Fold stage={stage} block={shape.pinned} />}
      {shape && (
        <span
          class={`matrix-neuron cut third${ordered ? " ordered" : ""}`}
          style={{ top: px(shape.ids - 8), maxWidth: px(shape.left - 22) }}
        >
          {outputLayers.value.has(stage.layer) ? "class" : "neuron"} {ordered}
        </span>
      )}
      {shape && (model?.scale.allZero || model?.scale.allMissing) && (
        <div
          class="matrix-note"
          style={{
            left: px(shape.left),
            width: px(shape.right - shape.left),
            top: px(shape.top),
            height: px(shape.bottom - shape.top),
          }}
        >
          <span>{model.scale.allZero ? "Every value is zero." : "No value is a finite number."}</span>
        </div>
      )}
      {stage.describedCell.value && <MatrixTooltip stage={stage} body={element.current} />}
    </div>
  );
}

/** Whether other rows than the first ones are in sight, or soon may be. */
function isBeyond({ shape, scroll }: Stage): boolean {
  const { pinned, subsets } = scroll.value;
  const box = shape.value?.subsets;
  return pinned + subsets > 0 || (box !== undefined && box.height > FIRST_ROWS * box.rowHeight);
}

/** How many pinned rows are out of sight; a click scrolls to them. */
function Fold({ stage: { scroll }, block }: { stage: Stage; block: Block }): JSX.Element | null {
  const most = block.count * block.rowHeight - block.height;
  if (most <= 0) return null;
  const now = scroll.value.pinned;
  const { below, above } = hiddenRows(block, now);
  const go = (by: number): void => {
    scroll.value = { ...scroll.peek(), pinned: Math.max(0, Math.min(most, now + by)) };
  };
  return (
    <button
      type="button"
      class="matrix-fold"
      tabIndex={-1}
      style={{ top: px(block.top + block.height) }}
      onPointerDown={(event) => event.stopPropagation()}
      onClick={(event) => {
        event.stopPropagation();
        go(below > 0 ? block.height : -block.height);
      }}
    >
      {below > 0 ? `${below} more below` : `${above} more above`}
    </button>
  );
}

/** What the bars of effects are of, and how far they can be trusted. */
function MarginHead({ model, effects: { estimate } }: { model: MatrixModel; effects: RowEffects }): JSX.Element {
  return (
    <>
      <div>
        <Term name="effect on the margin">{comparedSnapshot.value ? "effect, first" : "est. effect"}</Term>
      </div>
      <div class="cut" title={estimate.words}>
        <Lettered model={model} row={model.a} />
        {estimate.r2 !== null && <span class={estimate.reliable ? "" : "accent"}>{` · R² ${fixed(estimate.r2)}`}</span>}
      </div>
    </>
  );
}

function Lettered({ model, row }: { model: MatrixModel; row: number }): JSX.Element {
  const key = model.keys[row];
  return (
    <>
      {key !== undefined && !isInstanceKey(key) && <RowSwatch row={key} />}{" "}
      {key === undefined ? "rest" : shortName(key)}
    </>
  );
}

function rowId({ cursor, model }: Stage): number {
  const [at, now] = [cursor.value, model.value];
  return at && now ? rowAt(now, at) : -1;
}

function paintCells({ model, shape, view, scroll, margin }: Stage, { context, ratio }: Surface): void {
  const [now, box, columns] = [model.value, shape.value, view.value];
  if (!now || !box) return;
  const ground = { context, ratio, shape: box, view: columns };
  const picture = { context, ratio, pyramids: now.pyramids, view: columns, left: box.left, right: box.right };
  paintBlock(picture, box.pinned, now.pinned, scroll.value.pinned);
  paintBlock(picture, box.typed, now.typed, 0);
  paintBlock(picture, box.subsets, now.subsets, scroll.value.subsets);
  const effects = margin.value;
  if (effects) {
    const own = rowColour(now.keys[now.a], tokens.value.text2);
    paintEffect(ground, effects.effect, now.matrix.order, own, own, true);
  } else if (now.matrix.effect) {
    paintEffect(
      ground,
      now.matrix.effect,
      now.matrix.order,
      rowColour(now.keys[now.a], tokens.value.text2),
      rowColour(now.keys[now.b], tokens.value.text3),
    );
  }
  paintPlace(ground, now.matrix.neurons);
}

/** Effect size bars have the colours of the two rows, or grey. */
function rowColour(key: RowKey | undefined, other: string): string {
  const index = key === undefined ? -1 : colourOf(key);
  return index < 0 ? other : classColour(index);
}

/** Of an output layer, the classes. */
function namesOf(layer: string): Named | undefined {
  if (!outputLayers.value.has(layer)) return undefined;
  return (neuron) => ({ name: shortOf(classOfNeuron(layer, neuron) ?? ""), colour: classColour(neuron) });
}

function paintMarks({ layer, model, shape, view, scroll }: Stage, { context, ratio }: Surface): void {
  const [now, box] = [model.value, shape.value];
  if (!now || !box) return;
  const ground = { context, ratio, shape: box, view: view.value };
  const over = hover.value.layer === layer ? hover.value.neuron : undefined;
  const place = over === undefined ? -1 : (now.places[over] ?? -1);
  const selected = selection.value;
  paintIds(ground, now.matrix.order, place, namesOf(layer));
  if (selected?.kind === "neuron" && selected.layer === layer && now.places[selected.neuron] !== undefined) {
    markColumn(ground, now.places[selected.neuron]!, tokens.value.text3);
  }
  if (now.typed.length > 0) frameRow(ground, box.typed.top, box.typed.height, box.typed, tokens.value.text3);
  const key = hoveredRow.value;
  const spot = key === null ? null : spotOf(now, key);
  if (spot) {
    const block = box[spot.block];
    const top = block.top + spot.row * block.rowHeight - scroll.value[spot.block];
    frameRow(ground, top, block.rowHeight, block);
    if (place >= 0) ringCell(ground, place, top, block.rowHeight, block);
  }
  if (place >= 0) markColumn(ground, place, tokens.value.accent);
}
