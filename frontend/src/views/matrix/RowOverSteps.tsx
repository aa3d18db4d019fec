/** One row over the training steps, below its matrix: neurons in the same order, a line of cells per step. */

import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useCallback, useRef, useState } from "preact/hooks";
import type { History } from "../../api/types";
import { Canvas, type Surface } from "../../draw/Canvas";
import { fixed, integer, signed, tick } from "../../draw/format";
import { paintBlock } from "../../draw/matrixCells";
import { frameRow, ringCell } from "../../draw/matrixMarks";
import { Pyramid } from "../../draw/matrixPyramid";
import { type MatrixScale, matrixScale, onScale } from "../../draw/matrixScale";
import { statisticText } from "../../draw/matrixText";
import { tokens } from "../../draw/theme";
import { placeLabels } from "../../layout/lineChart";
import { type Block, placeToX, xToPlace } from "../../layout/matrix";
import { chooseStep, selectNeuron, spreadRow } from "../../state/actions";
import { steps as runSteps } from "../../state/currentSnapshot";
import { rows } from "../../state/data";
import { nameOf, neuronName, shortName } from "../../state/derived";
import { drawnStep } from "../../state/drawnStep";
import { rowHistory } from "../../state/histories";
import { clearHover, hover, setHover } from "../../state/hover";
import { type RowKey, rowKey } from "../../state/rowKeys";
import { statisticInfo } from "../../state/statistics";
import { IconButton } from "../controls/Icon";
import { Loading } from "../controls/Loading";
import { Name } from "../controls/Name";
import { Select } from "../controls/Select";
import { RowSwatch } from "../controls/Swatch";
import { Tooltip } from "../controls/Tooltip";
import { type MatrixModel, px, type Stage } from "./matrixStage";
import "../../lib/laterStyles";

/** Height of the cells, and the lowest line. */
const [HEIGHT, LEAST] = [96, 2];
const MOST = HEIGHT / LEAST;
/** Rows in the menu. */
const MOST_ROWS = 60;

/** What is drawn: a line of cells per step, on the scale of the matrix above. */
interface Strip {
  history: History;
  pyramid: Pyramid;
  scale: MatrixScale;
  /** Whether the colours are those of the matrix; else the strip's own. */
  shared: boolean;
  block: Block;
}

export function RowOverSteps({ stage, row }: { stage: Stage; row: RowKey }): JSX.Element {
  const { layer } = stage;
  const wanted = useSignal(row);
  if (wanted.peek() !== row) wanted.value = row;
  const [history] = useState(() => rowHistory(layer, () => ({ row: wanted.value, most: MOST })));
  const strip = useComputed(() => {
    const [{ value }, model] = [history.value, stage.model.value];
    return value && model ? stripOf(value, model) : null;
  });
  const now = strip.value;
  const names = rows.value.slice(0, MOST_ROWS).map(rowKey);
  return (
    <section class="matrix-strip" aria-label={`${nameOf(row)} over the steps in ${layer}`}>
      <header class="matrix-strip-head caption">
        <Select
          plain
          label="Row over the steps"
          value={row}
          says={nameOf(row)}
          options={(names.includes(row) ? names : [row, ...names]).map((key) => ({
            value: key,
            label: nameOf(key),
            content: <Named row={key} />,
          }))}
          onChoose={(key) => spreadRow(key, [layer])}
        >
          <Named row={row} />
        </Select>
        <span class="matrix-strip-title">over the steps{now && about(now)}</span>
        <span class="spring" />
        {now && <span class="cut">{scaleWords(now)}</span>}
        <IconButton
          icon="close"
          size={12}
          label="Close the row over the steps"
          onClick={() => spreadRow(null, [layer])}
        />
      </header>
      <Loading load={history.value} what={`${nameOf(row)} over the steps`}>
        {() => now && <Cells stage={stage} row={row} strip={now} />}
      </Loading>
    </section>
  );
}

function Named({ row }: { row: RowKey }): JSX.Element {
  return (
    <>
      <RowSwatch row={row} /> <Name name={nameOf(row)} short={shortName(row)} />
    </>
  );
}

function stripOf(history: History, model: MatrixModel): Strip | null {
  const { steps, values, statistic } = history;
  const { neurons, order } = model.matrix;
  if (values.length !== steps.length * neurons) return null;
  const shared = !model.difference && statistic === model.statistic.name;
  const base = shared
    ? model.scale
    : matrixScale({
        values,
        neurons,
        count: steps.length,
        kind: "raw",
        reference: steps.map((_, i) => i),
        signed: false,
      });
  let [above, below, missing] = [false, false, 0];
  for (let i = 0; i < values.length; i++) {
    const value = onScale(base, values[i]!, i % neurons);
    if (Number.isNaN(value)) missing++;
    else if (value > base.end * (1 + 1e-6)) above = true;
    else if (value < (base.signed ? -base.end * (1 + 1e-6) : 0)) below = true;
  }
  const scale = { ...base, above, below, missing };
  const block = { top: 0, height: HEIGHT, rowHeight: HEIGHT / steps.length, count: steps.length };
  return { history, pyramid: new Pyramid(values, order, scale), scale, shared, block };
}

/** ", 48 of 300"; where some are missing, that too. */
function about({ history: { steps, n } }: Strip): string {
  const all = runSteps.value.filter(({ problem }) => problem === null).length;
  const lacking = steps.filter((_, i) => n[i] === -1).length;
  return [
    steps.length < all ? `${integer(steps.length)} of ${integer(all)}, evenly spread` : "",
    lacking > 0 ? `${integer(lacking)} without this row` : "",
  ]
    .filter(Boolean)
    .map((words) => `, ${words}`)
    .join("");
}

/** What the colours are, and whether they end before the values do. */
function scaleWords(strip: Strip): string {
  const { scale, shared, history } = strip;
  const what = { z: "z", unit: "range", raw: statisticInfo(history.statistic).label }[scale.kind];
  const whose = shared ? "as above" : `from ${scale.signed ? tick(-scale.end) : 0} to ${tick(scale.end)}`;
  return `${what} ${whose}${scale.above || scale.below ? ", some beyond it" : ""}`;
}

function Cells({ stage, row, strip }: { stage: Stage; row: RowKey; strip: Strip }): JSX.Element | null {
  const element = useRef<HTMLDivElement>(null);
  const pointed = useSignal<{ step: number; place: number } | null>(null);
  const current = useSignal(strip);
  if (current.peek() !== strip) current.value = strip;
  const draw = useCallback((surface: Surface) => paint(stage, current.value, surface), [stage]);
  const drawMarks = useCallback(
    (surface: Surface) => paintMarks(stage, current.value, pointed.value, surface),
    [stage],
  );
  const [shape, model] = [stage.shape.value, stage.model.value];
  const { steps } = strip.history;
  if (!shape || !model) return null;
  const at = ({ clientX, clientY }: MouseEvent): { step: number; place: number } | null => {
    const box = element.current?.getBoundingClientRect();
    if (!box) return null;
    const [x, y] = [clientX - box.left, clientY - box.top];
    const step = Math.max(0, Math.min(steps.length - 1, Math.floor(y / strip.block.rowHeight)));
    const place = x < shape.left || x >= shape.right ? -1 : Math.floor(xToPlace(shape, stage.view.peek(), x));
    return { step, place: Math.min(model.matrix.neurons - 1, place) };
  };
  const shown = drawnStep.value;
  const own = steps.findIndex(({ step }) => step === shown);
  const marked = [...new Set([own, pointed.value?.step ?? -1, 0, steps.length - 1])].filter((i) => i >= 0);
  const centres = placeLabels(
    marked.map((i) => ({
      y: (i + 0.5) * strip.block.rowHeight,
      rank: i === pointed.value?.step ? 0 : i === own ? 1 : 2,
    })),
    6,
    HEIGHT - 6,
    13,
  );
  return (
    <div
      ref={element}
      class="matrix-strip-cells"
      style={{ height: px(HEIGHT) }}
      onPointerMove={(event) => {
        const spot = at(event);
        pointed.value = spot;
        const neuron = spot && spot.place >= 0 ? model.matrix.order[spot.place] : undefined;
        setHover({ row, ...(neuron !== undefined && { layer: stage.layer, neuron }) });
      }}
      onPointerLeave={() => {
        pointed.value = null;
        clearHover();
      }}
      onClick={(event) => {
        const spot = at(event);
        const chosen = spot && steps[spot.step];
        if (chosen && chosen.problem === null) chooseStep(chosen.step);
      }}
      onDblClick={(event) => {
        const neuron = model.matrix.order[at(event)?.place ?? -1];
        if (neuron !== undefined) selectNeuron(stage.layer, neuron);
      }}
    >
      <Canvas
        class="matrix-canvas"
        draw={draw}
        role="img"
        aria-label={`${nameOf(row)}: neurons by ${steps.length} steps, from ${steps[0]?.step} to ${steps.at(-1)?.step}`}
      />
      <Canvas class="matrix-canvas matrix-marks" draw={drawMarks} aria-hidden="true" />
      {marked.map((i, k) =>
        centres[k] === null ? null : (
          <span
            key={i}
            class={`matrix-strip-step${i === own ? " shown" : ""}${i === pointed.value?.step ? " pointed" : ""}`}
            style={{ top: px(centres[k]! - 8), width: px(shape.left - 8) }}
          >
            {i === 0 && <span class="third">step </span>}
            {integer(steps[i]?.step)}
          </span>
        ),
      )}
      <Tip stage={stage} model={model} row={row} strip={strip} spot={pointed.value} ground={element.current} />
    </div>
  );
}

function paint({ shape, view }: Stage, { pyramid, block, history }: Strip, { context, ratio }: Surface): void {
  const box = shape.value;
  if (!box) return;
  const picture = { context, ratio, pyramids: [pyramid], view: view.value, left: box.left, right: box.right };
  paintBlock(
    picture,
    block,
    history.steps.map((_, i) => i),
    0,
  );
}

function paintMarks(
  { layer, model, shape, view }: Stage,
  { history: { steps }, block }: Strip,
  pointed: { step: number; place: number } | null,
  { context, ratio }: Surface,
): void {
  const [box, now] = [shape.value, model.value];
  if (!box || !now) return;
  const ground = { context, ratio, shape: box, view: view.value };
  const { rowHeight } = block;
  const shown = drawnStep.value ?? -1;
  const own = steps.findIndex(({ step }) => step === shown);
  if (own >= 0) frameRow(ground, own * rowHeight, rowHeight, block);
  else {
    // A step that is left out here lies between two lines.
    const next = steps.findIndex(({ step }) => step > shown);
    context.fillStyle = tokens.value.text;
    if (next > 0) context.fillRect(box.left, next * rowHeight - 0.5, box.right - box.left, 1);
  }
  const over = hover.value;
  const place = over.layer === layer && over.neuron !== undefined ? (now.places[over.neuron] ?? -1) : -1;
  if (place < 0) return;
  if (pointed) ringCell(ground, place, pointed.step * rowHeight, rowHeight, block);
  else ringCell(ground, place, 0, HEIGHT, block);
}

/** Value of the hovered cell. */
function Tip({
  stage,
  model,
  row,
  strip: { history, block, scale },
  spot,
  ground,
}: {
  stage: Stage;
  model: MatrixModel;
  row: RowKey;
  strip: Strip;
  spot: { step: number; place: number } | null;
  ground: HTMLElement | null;
}): JSX.Element | null {
  const [shape, neuron] = [stage.shape.value, spot ? model.matrix.order[spot.place] : undefined];
  const step = spot && history.steps[spot.step];
  if (!spot || !step || !shape || !ground) return null;
  const box = ground.getBoundingClientRect();
  const left = spot.place < 0 ? shape.left : placeToX(shape, stage.view.value, spot.place);
  const value = neuron === undefined ? NaN : history.values[spot.step * model.matrix.neurons + neuron]!;
  const { statistic } = model;
  const scaled = scale.factor && neuron !== undefined && Number.isFinite(value) ? onScale(scale, value, neuron) : null;
  return (
    <Tooltip
      anchor={{
        left: box.left + left - 4,
        top: box.top + spot.step * block.rowHeight,
        width: 12,
        height: block.rowHeight,
      }}
      avoid={[
        {
          left: box.left,
          top: box.top + spot.step * block.rowHeight - 2,
          width: box.width,
          height: block.rowHeight + 4,
        },
      ]}
    >
      <div class="second matrix-tip">
        {neuron !== undefined && (
          <>
            <b class="matrix-value">{neuronName(stage.layer, neuron)}</b> ·{" "}
          </>
        )}
        {nameOf(row)} at step <b class="matrix-value">{integer(step.step)}</b>
        {step.problem !== null
          ? ` · ${step.problem}`
          : history.n[spot.step] === -1
            ? " · the step lacks this row"
            : neuron !== undefined && (
                <>
                  {" "}
                  · {statistic.label} <b class="matrix-value">{statisticText(statistic, value)}</b>
                  {scaled !== null &&
                    (scale.kind === "z" ? ` · z ${signed(scaled)}` : ` · ${fixed(scaled)} of its range`)}
                  {` · n ${integer(history.n[spot.step])}`}
                </>
              )}
      </div>
    </Tooltip>
  );
}
