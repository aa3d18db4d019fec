/** Plays the training steps one after another. */

import { effect, signal } from "@preact/signals";
import { chooseStep } from "./actions";
import { step, steps } from "./currentSnapshot";
import { snapshot } from "./data";

/** Time per step; the next step waits until the current one is loaded. */
const PACE_MS = 700;

export const playing = signal(false);
let stop: (() => void) | null = null;

export function togglePlay(): void {
  if (playing.peek()) pause();
  else play();
}

export function pause(): void {
  playing.value = false;
  stop?.();
  stop = null;
}

function play(): void {
  const readable = steps.peek().filter(({ problem }) => problem === null);
  if (readable.length < 2) return;
  if (step.peek()?.step === readable.at(-1)?.step) chooseStep(readable[0]!.step);
  playing.value = true;
  let timer = 0;
  const follow = effect(() => {
    const { status, query } = snapshot.value;
    const currentStep = step.value?.step;
    clearTimeout(timer);
    if (status === "pending" || (status === "ready" && query?.step !== currentStep)) return;
    timer = window.setTimeout(advance, PACE_MS);
  });
  stop = () => {
    follow();
    clearTimeout(timer);
  };
}

function advance(): void {
  const next = steps.peek().find(({ step: at, problem }) => problem === null && at > (step.peek()?.step ?? Infinity));
  if (next) chooseStep(next.step);
  else pause();
}

/** The step before or after the one shown. */
export function stepBy(by: number): void {
  const allSteps = steps.peek();
  const index = allSteps.findIndex(({ step: at }) => at === step.peek()?.step);
  const next = allSteps[Math.max(0, Math.min(allSteps.length - 1, index + by))];
  if (next) chooseStep(next.step);
}
