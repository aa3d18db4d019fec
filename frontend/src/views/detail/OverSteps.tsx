/** The rows over the training steps, for one neuron: a line each, with its name at its end. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { History } from "../../api/types";
import { classColour } from "../../draw/classes";
import { count, integer, tick } from "../../draw/format";
import { statisticText } from "../../draw/matrixText";
import { cutInside, widthOf } from "../../draw/text";
import { tokens } from "../../draw/theme";
import { emphasis, linePath, MANY_LINES, nearestLine, type Point, placeLabels } from "../../layout/lineChart";
import { chooseStep } from "../../state/actions";
import { colourOf } from "../../state/colours";
import { hoveredRow, letters, nameOf, shortName } from "../../state/derived";
import { drawnStep } from "../../state/drawnStep";
import { drawnHistory, type HistoryQuery, neuronHistory } from "../../state/histories";
import { clearHover, setHover } from "../../state/hover";
import { detailHeight } from "../../state/panes";
import { isInstanceKey, type RowKey } from "../../state/rowKeys";
import { keyOf } from "../../state/rows";
import { statisticInfo } from "../../state/statistics";
import { selection } from "../../state/view";
import { Loading } from "../controls/Loading";
import { Tooltip } from "../controls/Tooltip";
import { axisOver, place } from "./axis";
import { useWidth } from "./Intervals";

/** A line per row; a click goes to the step. */
export function OverSteps({ layer, neuron }: { layer: string; neuron: number }): JSX.Element {
  const [element, width] = useWidth();
  const subject = useSignal({ layer, neuron });
  if (subject.peek().layer !== layer || subject.peek().neuron !== neuron) subject.value = { layer, neuron };
  const [history] = useState(() => neuronHistory(() => subject.value));
  const { value, query } = history.value;
  useEffect(() => {
    drawnHistory.value = value && query ? { history: value, query } : null;
    return () => {
      drawnHistory.value = null;
    };
  }, [value, query]);
  return (
    <section class="detail-section" ref={element} aria-label="Over the steps">
      <h3>
        Over the steps
        {value && query && (
          <span class="second cut">
            {statisticInfo(value.statistic).title} per row{gaps(value, query)}
          </span>
        )}
      </h3>
      <Loading load={history.value} what="The neuron over the steps">
        {(known) => (query && width > 0 ? <Chart history={known} query={query} layer={layer} width={width} /> : null)}
      </Loading>
    </section>
  );
}

/** ", 2 steps lack a row". */
function gaps({ steps, n }: History, { rows }: HistoryQuery): string {
  const lacking = steps.filter((_, i) => rows.some((_, row) => n[i * rows.length + row] === -1)).length;
  return lacking === 0 ? "" : `, ${count(lacking, "step")} ${lacking === 1 ? "lacks" : "lack"} a row`;
}

const [LEFT, PITCH, BELOW] = [34, 12, 18];
/** How near the pointer must come to a line, in pixels. */
const REACH = 14;

function Chart({
  history,
  query,
  layer,
  width,
}: {
  history: History;
  query: HistoryQuery;
  layer: string;
  width: number;
}): JSX.Element {
  const pointed = useSignal<{ x: number; y: number; anchor: DOMRect } | null>(null);
  const { steps, n, values } = history;
  const keys = query.rows.map(keyOf);
  const rows = keys.length;
  const info = statisticInfo(history.statistic);
  const known = steps.filter(({ problem }) => problem === null);
  if (known.length < 2)
    return (
      <p class="detail-words">{steps.length < 2 ? "There is only one step." : "Only one step has this neuron."}</p>
    );
  const height = Math.max(40, detailHeight.value - 88);
  const names = Math.min(96, width * 0.34, Math.max(...keys.map((key) => widthOf(shortName(key), 12))) + 14);
  const [left, right] = [LEFT, Math.max(LEFT + 40, width - names - 8)];
  const axis = axisOver(values, 4);
  const [first, last] = [steps[0]!.step, steps.at(-1)!.step];
  const x = (step: number): number => left + ((step - first) / Math.max(1, last - first)) * (right - left);
  const y = (value: number): number => place(axis, value, height, 6);
  const lines = keys.map((_, row): Point[] =>
    steps.map(({ step }, i) => ({ x: x(step), y: y(values[i * rows + row]!) })),
  );
  const over = hoveredRow.value;
  const hovering = over !== null && keys.includes(over);
  const isStrong = (key: RowKey): boolean => {
    const [{ a, b }, chosen] = [letters.value, selection.value];
    return key === a || key === b || isInstanceKey(key) || (chosen?.kind === "subset" && chosen.key === key);
  };
  const styles = keys.map((key) => emphasis(rows, key === over, isStrong(key), hovering));
  // The lines that stand out are drawn last.
  const order = keys.map((_, i) => i).sort((a, b) => styles[a]!.opacity - styles[b]!.opacity);
  const labels = placeLabels(
    keys.map((key, row) => ({
      y: lines[row]!.findLast((point) => Number.isFinite(point.y))?.y ?? height,
      rank: key === over ? 0 : isStrong(key) ? 1 : 2,
    })),
    6,
    height + BELOW - 6,
    PITCH,
  );
  const colour = (key: RowKey): string => {
    const index = colourOf(key);
    return index >= 0 ? classColour(index) : isInstanceKey(key) ? tokens.value.text : tokens.value.text3;
  };
  const nearest = (at: number): (typeof known)[number] =>
    known.reduce((best, one) => (Math.abs(x(one.step) - at) < Math.abs(x(best.step) - at) ? one : best));
  const shown = drawnStep.value;
  const spot = pointed.value;
  const here = spot && nearest(spot.x);
  const move = (event: PointerEvent): void => {
    const anchor = (event.currentTarget as Element).getBoundingClientRect();
    const at = { x: event.clientX - anchor.left, y: event.clientY - anchor.top, anchor };
    pointed.value = at;
    // Beside the lines it is the label that is pointed at.
    const row =
      at.x > right + 4
        ? labels.findIndex((centre) => centre !== null && Math.abs(centre - at.y) <= PITCH / 2)
        : nearestLine(lines, Math.max(left, Math.min(right, at.x)), at.y, REACH);
    if (row >= 0) setHover({ row: keys[row]!, layer, neuron: query.neuron });
    else clearHover();
  };
  const { outline, lineInner, background, text } = tokens.value;
  const tip = here && hovering ? keys.indexOf(over) : -1;
  const at = here ? steps.indexOf(here) : 0;
  return (
    <>
      <svg
        width={width}
        height={height + BELOW}
        role="img"
        aria-label={`${info.title} per row from step ${first} to step ${last}`}
        class="detail-steps"
        onPointerMove={move}
        onPointerLeave={() => {
          pointed.value = null;
          clearHover();
        }}
        onClick={(event) => event.offsetX <= right + 4 && chooseStep(nearest(event.offsetX).step)}
      >
        {axis.ticks.map((value) => (
          <g key={value}>
            <path d={`M${left} ${Math.round(y(value)) + 0.5}H${right}`} stroke={value === 0 ? outline : lineInner} />
            <text x={left - 5} y={y(value) + 4} text-anchor="end" class="detail-tick">
              {tick(value)}
            </text>
          </g>
        ))}
        {shown !== null && shown >= first && shown <= last && (
          <path class="detail-step-shown" d={`M${x(shown)} 4V${height + 4}`} stroke={text} stroke-width={1} />
        )}
        {here && here.step !== shown && (
          <path d={`M${x(here.step)} 4V${height}`} stroke={outline} stroke-dasharray="2 2" />
        )}
        {order.map((row) => (
          <path
            key={keys[row]}
            class="detail-line-of-row"
            data-row={keys[row]}
            d={linePath(lines[row]!)}
            fill="none"
            stroke={colour(keys[row]!)}
            stroke-width={styles[row]!.width}
            stroke-dasharray={isInstanceKey(keys[row]!) ? "4 2" : undefined}
            opacity={styles[row]!.opacity}
            stroke-linecap="round"
            stroke-linejoin="round"
          />
        ))}
        {tip >= 0 && Number.isFinite(lines[tip]![at]!.y) && (
          <circle
            cx={lines[tip]![at]!.x}
            cy={lines[tip]![at]!.y}
            r={3.5}
            fill={colour(keys[tip]!)}
            stroke={background}
            stroke-width={1.5}
          />
        )}
        {labels.map((centre, row) => {
          const key = keys[row]!;
          if (centre === null || (rows > MANY_LINES && key !== over && !isStrong(key))) return null;
          const end = lines[row]!.findLast((point) => Number.isFinite(point.y));
          return (
            <g key={key} class="detail-line-label" opacity={hovering && key !== over ? 0.4 : 1}>
              {end && (
                <path
                  d={`M${end.x + 2} ${end.y}L${right + 7} ${centre}`}
                  stroke={colour(key)}
                  opacity={0.5}
                  fill="none"
                />
              )}
              <rect x={right + 8} y={centre - 3.5} width={7} height={7} rx={1.5} fill={colour(key)} />
              <text
                x={right + 18}
                y={centre + 4}
                font-size={12}
                font-weight={isStrong(key) || key === over ? 500 : 400}
                fill={text}
              >
                {cutInside(shortName(key), width - right - 18, 12)}
              </text>
            </g>
          );
        })}
        {[first, last, ...(shown !== null && isApart(x(shown), left, right) ? [shown] : [])].map((step, i) => (
          <text
            key={i}
            x={x(step)}
            y={height + 15}
            text-anchor={i === 0 ? "start" : i === 1 ? "end" : "middle"}
            class={`detail-tick${step === shown ? " now" : ""}`}
          >
            {step}
          </text>
        ))}
      </svg>
      <span class="hidden-text">{inWords(history, keys)}</span>
      {here && spot && tip >= 0 && (
        <Tooltip
          anchor={{ left: spot.anchor.left + spot.x - 6, top: spot.anchor.top + spot.y - 6, width: 12, height: 12 }}
        >
          <div class="second">
            step <b class="matrix-value">{here.step}</b> · <b class="matrix-value">{nameOf(keys[tip]!)}</b> ·{" "}
            {n[at * rows + tip] === -1
              ? "the step lacks this row"
              : `${info.label} ${statisticText(info, values[at * rows + tip]!)} · n ${integer(n[at * rows + tip])}`}
          </div>
        </Tooltip>
      )}
    </>
  );
}

/** Whether the number of the step shown has room between those of the ends. */
const isApart = (at: number, left: number, right: number): boolean => at - left > 36 && right - at > 36;

/** The ends of every line. */
function inWords({ steps, values, statistic }: History, keys: readonly RowKey[]): string {
  const info = statisticInfo(statistic);
  return keys
    .slice(0, 100)
    .map((key, row) => {
      const of = (i: number): string => statisticText(info, values[i * keys.length + row]!);
      return `${nameOf(key)} from ${of(0)} at step ${steps[0]?.step} to ${of(steps.length - 1)} at step ${steps.at(-1)?.step}.`;
    })
    .join(" ");
}
