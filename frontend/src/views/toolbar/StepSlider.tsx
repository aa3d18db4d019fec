/** The slider over the training steps. */

import { computed } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { StepInfo } from "../../api/types";
import { fixed, integer, percent } from "../../draw/format";
import { largestMove } from "../../layout/largestMove";
import { chooseStep } from "../../state/actions";
import { nearest, run, step, steps } from "../../state/currentSnapshot";
import { shownStep } from "../../state/drawnStep";
import { isPending } from "../../state/pending";
import { pause, playing, stepBy, togglePlay } from "../../state/play";
import { IconButton } from "../controls/Icon";
import { Metrics, metricText } from "./Metrics";

/** Position of a step between the first (0) and the last (1). */
const place = computed(() => {
  const [first, last] = [steps.value[0]?.step ?? 0, steps.value.at(-1)?.step ?? 0];
  return (at: number): number => (last > first ? (at - first) / (last - first) : 0.5);
});

/** SVG path of the training curve in a box of 100 x 10: accuracy if there is one, else the loss. */
const curve = computed(() => {
  const by: "accuracy" | "loss" = steps.value.some(({ accuracy }) => accuracy !== null) ? "accuracy" : "loss";
  const known = steps.value.flatMap((info) =>
    info[by] === null ? [] : [{ x: place.value(info.step) * 100, y: info[by] }],
  );
  const [low, high] = [Math.min(...known.map(({ y }) => y)), Math.max(...known.map(({ y }) => y))];
  const height = (y: number): number => (high > low ? 9 - ((y - low) / (high - low)) * 8 : 5);
  return { by, points: known.map(({ x, y }) => ({ x, y: height(y) })) };
});

/** Between which steps the curve moved most, in words; null where it never moved. */
const jump = computed(() => {
  const { by } = curve.value;
  const most = largestMove(steps.value.map((info) => ({ step: info.step, value: info[by] })));
  if (!most) return null;
  const word = by === "accuracy" ? "Accuracy" : "Loss";
  const text = (value: number): string => (by === "accuracy" ? percent(value) : fixed(value, 3));
  const { from, to } = most;
  return {
    from: place.value(from.step) * 100,
    to: place.value(to.step) * 100,
    words: `${word} moved most from step ${integer(from.step)} to ${integer(to.step)}: ${text(from.value)} to ${text(to.value)}`,
  };
});

/** The training curve, the steps as ticks below it, and the current step as a handle. */
export function StepSlider(): JSX.Element {
  const here = shownStep.value;
  const last = steps.value.at(-1);
  const x = here ? place.value(here.step) * 100 : 0;
  const dot = curve.value.points.reduce<{ x: number; y: number } | null>(
    (best, p) => (!best || Math.abs(p.x - x) < Math.abs(best.x - x) ? p : best),
    null,
  );
  const said = metricText();
  return (
    <div class="toolbar-step">
      <span class="second">Step</span>
      <Track
        x={x}
        dot={dot}
        here={here}
        text={`${here?.step ?? 0} of ${last?.step ?? 0}${here?.thinned ? ", thinned" : ""}${said && `, ${said}`}`}
      />
      <Metrics />
      <IconButton
        icon={playing.value ? "pause" : "play"}
        label={playing.value ? "Pause" : "Play through the steps"}
        onClick={togglePlay}
        size={18}
        disabled={steps.value.length < 2}
      />
    </div>
  );
}

function Track({
  x,
  dot,
  here,
  text,
}: {
  x: number;
  dot: { x: number; y: number } | null;
  here: StepInfo | null;
  text: string;
}): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const choose = (event: PointerEvent): void => {
    const box = element.current?.getBoundingClientRect();
    const [first, last] = [steps.peek()[0]?.step ?? 0, steps.peek().at(-1)?.step ?? 0];
    if (!box) return;
    const share = Math.max(0, Math.min(1, (event.clientX - box.left - 5) / Math.max(1, box.width - 10)));
    const next = nearest(steps.peek(), first + share * (last - first));
    if (next) chooseStep(next.step);
  };
  const onPointerDown = (event: PointerEvent): void => {
    pause();
    element.current?.setPointerCapture(event.pointerId);
    choose(event);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = {
      ArrowRight: 1,
      ArrowUp: 1,
      ArrowLeft: -1,
      ArrowDown: -1,
      PageUp: 5,
      PageDown: -5,
      Home: -Infinity,
      End: Infinity,
    }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    pause();
    stepBy(by);
  };
  // With more steps than pixels for ticks, only the curve is drawn, and the steps that were not thinned where others were.
  const whole = steps.value.some((info) => info.thinned);
  const ticks =
    steps.value.length <= 60
      ? steps.value
      : steps.value.filter(({ problem, thinned }) => problem !== null || (whole && !thinned));
  return (
    <div
      ref={element}
      class="step-track"
      role="slider"
      tabIndex={0}
      aria-label="Training step"
      aria-valuemin={steps.value[0]?.step}
      aria-valuemax={steps.value.at(-1)?.step}
      aria-valuenow={here?.step}
      aria-valuetext={text}
      aria-description={jump.value?.words}
      onPointerDown={onPointerDown}
      onPointerMove={(event) => event.buttons === 1 && choose(event)}
      onKeyDown={onKeyDown}
    >
      <div class="step-inner">
        <svg class="step-curve" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
          <polyline points={curve.value.points.map((p) => `${p.x},${p.y}`).join(" ")} />
        </svg>
        {dot && <span class="step-dot" style={{ left: `${dot.x}%`, top: `${dot.y * 1.2}px` }} />}
        {jump.value && (
          <span
            class="step-jump"
            title={jump.value.words}
            style={{ left: `${(jump.value.from + jump.value.to) / 2}%`, width: `${jump.value.to - jump.value.from}%` }}
          >
            <i />
          </span>
        )}
        <span class="step-line" />
        <span class="step-line done" style={{ width: `${x}%` }} />
        {ticks.map((info) => (
          <span
            key={info.step}
            class={`step-tick${info.problem === null ? "" : " broken"}${info.thinned ? " thinned" : ""}${
              place.value(info.step) * 100 <= x ? " done" : ""
            }`}
            style={{ left: `${place.value(info.step) * 100}%` }}
          />
        ))}
        <span class={`step-handle${here?.thinned ? " thinned" : ""}`} style={{ left: `${x}%` }} />
        {isPending((shown) => shown.run === run.value?.name && shown.step !== step.value?.step) && (
          <div class="progress step-busy" role="progressbar" aria-label="The step is loading" />
        )}
      </div>
    </div>
  );
}
