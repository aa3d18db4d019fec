/** The loss of training beneath the map, and the axis of both: steps of training. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Mark, TrainingHealth } from "../../api/types";
import { integer, tick } from "../../draw/format";
import { tokens } from "../../draw/theme";
import { columnOf, shareOf } from "../../layout/healthMap";
import { linePath } from "../../layout/lineChart";
import { followSize } from "../../lib/sizes";
import { pointedCell } from "../../state/health";
import { axisOver, place } from "../detail/axis";

const [HEIGHT, AXIS] = [64, 22];

interface Properties {
  known: TrainingHealth;
  /** Those that are marked in the map. */
  marks: readonly Mark[];
  /** Where the step shown lies, 0 to 1; NaN: nowhere. */
  own: number;
}

/** Without a known loss, the axis alone. */
export function HealthLoss({ known, marks, own }: Properties): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => followSize(element.current, (_, content) => setWidth(content.width)), []);
  const { steps, last_steps, loss } = known;
  const columns = steps.length;
  const hasLoss = loss.some(Number.isFinite);
  const height = hasLoss ? HEIGHT : 4;
  const last = last_steps.at(-1) ?? 0;
  const at = (column: number): number => ((column + 0.5) / columns) * width;
  const axis = axisOver(loss, 2);
  const y = (value: number): number => place(axis, value, height - 2, 6);
  const times = axisOver([steps[0] ?? 0, last], 5).ticks.filter((step) => Number.isFinite(shareOf(steps, last, step)));
  const { text, text2, outline, lineInner } = tokens.value;
  const pointed = pointedCell.value;
  return (
    <div class="health-loss">
      <span class="health-loss-name">
        {hasLoss && (
          <>
            loss
            <br />
            <span class="caption">training</span>
          </>
        )}
        <span class="caption health-axis-name">step</span>
      </span>
      <div ref={element} class="health-chart">
        {width > 0 && (
          <svg
            width={width}
            height={height + AXIS}
            role="img"
            aria-label={
              hasLoss
                ? `Loss of training from ${tick(loss[0]!)} at step ${steps[0]} to ${tick(loss[columns - 1]!)} at step ${last}`
                : `Steps of training from ${steps[0]} to ${last}`
            }
          >
            {hasLoss &&
              axis.ticks.map((value) => (
                <g key={value}>
                  <path d={`M0 ${Math.round(y(value)) + 0.5}H${width}`} stroke={lineInner} />
                  <text x={-6} y={y(value) + 4} text-anchor="end" class="health-tick">
                    {tick(value)}
                  </text>
                </g>
              ))}
            {marks.map(({ first, title }) => (
              <path
                key={title}
                d={`M${at(columnOf(steps, first))} 0V${height}`}
                stroke={text2}
                stroke-dasharray="1 2"
              />
            ))}
            {pointed && <path d={`M${at(pointed.column)} 0V${height}`} stroke={outline} />}
            {Number.isFinite(own) && <path d={`M${own * width} 0V${height + 3}`} stroke={text} />}
            {hasLoss && (
              <path
                class="health-loss-line"
                d={linePath(Array.from(loss, (value, i) => ({ x: at(i), y: y(value) })))}
                fill="none"
                stroke={text}
                stroke-width={1.5}
                stroke-linejoin="round"
              />
            )}
            {times.map((step, i) => {
              const x = shareOf(steps, last, step) * width;
              return (
                <text
                  key={step}
                  x={x}
                  y={height + 15}
                  text-anchor={x < 8 ? "start" : i === times.length - 1 && x > width - 16 ? "end" : "middle"}
                  class="health-tick"
                >
                  {integer(step)}
                </text>
              );
            })}
          </svg>
        )}
      </div>
    </div>
  );
}
