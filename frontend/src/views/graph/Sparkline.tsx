/** A small line over the training steps. */

import type { JSX } from "preact";
import { integer } from "../../draw/format";

const [WIDTH, HEIGHT, PAD] = [180, 36, 3];

interface Properties {
  steps: readonly number[];
  /** As far as they are known; NaN where there is none. */
  values: readonly number[];
  /** The lowest and the highest value; null: the largest of the values. */
  range: readonly [number, number | null];
  /** The step that is shown. */
  now: number | null;
  label: (value: number) => string;
}

/** With the first and the last step below, and the ends of the scale at the right; the step that is shown has a dot. */
export function Sparkline({ steps, values, range, now, label }: Properties): JSX.Element {
  const known = values.filter(Number.isFinite);
  const [low, high] = [Math.min(range[0], ...known), range[1] ?? Math.max(...known, range[0] + 1e-9)];
  const [first, last] = [steps[0] ?? 0, steps.at(-1) ?? 1];
  const x = (step: number): number => PAD + ((step - first) / (last - first || 1)) * (WIDTH - 2 * PAD);
  const y = (value: number): number => HEIGHT - PAD - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * PAD);
  const points = values.flatMap((value, i) => (Number.isFinite(value) ? [`${x(steps[i]!)} ${y(value)}`] : []));
  const at = now === null ? -1 : steps.indexOf(now);
  const here = values[at];
  return (
    <div class="sparkline">
      <svg width={WIDTH} height={HEIGHT} role="img" aria-label={`Over the steps ${integer(first)} to ${integer(last)}`}>
        <path d={`M0 ${y(low)}H${WIDTH}`} class="sparkline-ground" />
        <path d={`M${points.join("L")}`} class="sparkline-line" />
        {here !== undefined && Number.isFinite(here) && <circle cx={x(steps[at]!)} cy={y(here)} r={3} />}
      </svg>
      <span class="sparkline-scale">
        <span>{label(high)}</span>
        <span>{label(low)}</span>
      </span>
      <span class="sparkline-steps">
        <span>step {integer(first)}</span>
        <span>{integer(last)}</span>
      </span>
    </div>
  );
}
