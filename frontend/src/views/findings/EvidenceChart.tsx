/** Figures of a finding over the steps of the run: lines with their last value, and a mark where it begins. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { integer, tick } from "../../draw/format";
import { widthOf } from "../../draw/text";
import { linePath, placeLabels } from "../../layout/lineChart";
import { chooseStep } from "../../state/actions";
import { axisOver, place } from "../detail/axis";
import { useWidth } from "../detail/Intervals";

export interface Line {
  name: string;
  values: readonly number[];
  label: (value: number) => string;
}

const [LEFT, HEIGHT, BELOW, PITCH] = [34, 84, 18, 15];

/** The first line is what was counted; those after it, dashed, what it is compared with. A click goes to a step. */
export function EvidenceChart({
  steps,
  lines,
  first,
  shown,
}: {
  steps: readonly number[];
  lines: readonly Line[];
  /** The step since which it holds. */
  first: number | null;
  /** The step whose values the labels say. */
  shown: number | null;
}): JSX.Element {
  const [element, width] = useWidth();
  const pointed = useSignal<number | null>(null);
  const at = Math.max(0, pointed.value ?? (shown === null ? steps.length - 1 : steps.indexOf(shown)));
  const valueAt = (line: Line): number => line.values[at] ?? NaN;
  const labels = lines.map((line) => (Number.isFinite(valueAt(line)) ? line.label(valueAt(line)) : ""));
  const room = Math.min(width * 0.4, Math.max(40, ...labels.map((text) => widthOf(text, 12))) + 14);
  const [from, to] = [LEFT, Math.max(LEFT + 40, width - room)];
  const axis = axisOver([0, ...lines.flatMap(({ values }) => values)], 3);
  const [start, end] = [steps[0]!, steps.at(-1)!];
  const x = (step: number): number => from + ((step - start) / (end - start || 1)) * (to - from);
  const y = (value: number): number => place(axis, value, HEIGHT, 8);
  const ends = placeLabels(
    lines.map((line, i) => ({ y: Number.isFinite(valueAt(line)) ? y(valueAt(line)) : HEIGHT, rank: i })),
    8,
    HEIGHT + 4,
    PITCH,
  );
  const nearest = (position: number): number =>
    steps.reduce(
      (best, step, i) => (Math.abs(x(step) - position) < Math.abs(x(steps[best]!) - position) ? i : best),
      0,
    );
  const words = lines.map(({ values, label, name }) => {
    const known = values.filter(Number.isFinite);
    return known.length > 0 ? `${label(known[0]!)} at first, ${label(known.at(-1)!)} at last` : `${name} unknown`;
  });
  return (
    <section ref={element} class="finding-chart" aria-label="Over the steps">
      {width > 0 && (
        <svg
          width={width}
          height={HEIGHT + BELOW}
          role="img"
          aria-label={`From step ${start} to step ${end}: ${words.join("; ")}`}
          onPointerMove={({ offsetX }) => (pointed.value = nearest(offsetX))}
          onPointerLeave={() => (pointed.value = null)}
          onClick={({ offsetX }) => chooseStep(steps[nearest(offsetX)]!)}
        >
          {axis.ticks.map((value) => (
            <g key={value}>
              <path d={`M${from} ${Math.round(y(value)) + 0.5}H${to}`} class="finding-ground" />
              <text x={from - 5} y={y(value) + 4} text-anchor="end" class="detail-tick">
                {tick(value)}
              </text>
            </g>
          ))}
          {first !== null && first > start && first <= end && (
            <>
              <path d={`M${Math.round(x(first)) + 0.5} 2V${HEIGHT}`} class="finding-first" />
              <text
                x={x(first) + (x(first) > (from + to) / 2 ? -4 : 4)}
                y={11}
                text-anchor={x(first) > (from + to) / 2 ? "end" : "start"}
                class="finding-since"
              >
                first at step {integer(first)}
              </text>
            </>
          )}
          {pointed.value !== null && <path d={`M${x(steps[at]!)} 2V${HEIGHT}`} class="finding-pointed" />}
          {lines.map(({ name, values }, i) => (
            <path
              key={name}
              d={linePath(steps.map((step, j) => ({ x: x(step), y: y(values[j]!) })))}
              class={`finding-line${i > 0 ? " other" : ""}`}
            />
          ))}
          {lines.map((line, i) =>
            labels[i] === "" ? null : (
              <g key={line.name}>
                {i === 0 && <circle cx={x(steps[at]!)} cy={y(valueAt(line))} r={3} class="finding-dot" />}
                <text x={to + 8} y={(ends[i] ?? HEIGHT) + 4} class={`finding-label${i > 0 ? " other" : ""}`}>
                  {labels[i]}
                </text>
              </g>
            ),
          )}
          {[start, end].map((step, i) => (
            <text key={step} x={x(step)} y={HEIGHT + 15} text-anchor={i === 0 ? "start" : "end"} class="detail-tick">
              {integer(step)}
            </text>
          ))}
          {pointed.value !== null && x(steps[at]!) > from + 30 && x(steps[at]!) < to - 30 && (
            <text x={x(steps[at]!)} y={HEIGHT + 15} text-anchor="middle" class="detail-tick now">
              {integer(steps[at]!)}
            </text>
          )}
        </svg>
      )}
    </section>
  );
}
