/** Which run and step are shown and compared with, out of those that exist. poll.ts refreshes the list of runs. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { SnapshotRef } from "../api/source";
import type { ApiError, RunInfo, Runs, StepInfo } from "../api/types";
import { chosenRun, chosenStep, compare } from "./view";

export const runs = signal<Runs | null>(null);
export const runsError = signal<ApiError | null>(null);
/** When the log directory was last read, in milliseconds. */
export const lastPolled = signal(0);

const usable = (run: RunInfo): boolean => run.steps.length > 0;

/** The run shown: the chosen one, else the one with the newest snapshot. */
export const run: ReadonlySignal<RunInfo | null> = computed(() => {
  const usableRuns = runs.value?.runs.filter(usable) ?? [];
  const newest = (info: RunInfo): number => Math.max(...info.steps.map((step) => step.wall_time));
  return (
    usableRuns.find(({ name }) => name === chosenRun.value) ??
    usableRuns.reduce<RunInfo | null>((best, info) => (!best || newest(info) > newest(best) ? info : best), null)
  );
});

export const steps: ReadonlySignal<StepInfo[]> = computed(() => run.value?.steps ?? []);

/** The step shown: the chosen one, else the last readable one; the nearest when the chosen one is not there. */
export const step: ReadonlySignal<StepInfo | null> = computed(() => {
  const readable = steps.value.filter(({ problem }) => problem === null);
  const candidates = readable.length > 0 ? readable : steps.value;
  return (chosenStep.value === null ? candidates.at(-1) : nearest(steps.value, chosenStep.value)) ?? null;
});

export function nearest(stepInfos: StepInfo[], wanted: number): StepInfo | null {
  return stepInfos.reduce<StepInfo | null>(
    (best, info) => (!best || Math.abs(info.step - wanted) < Math.abs(best.step - wanted) ? info : best),
    null,
  );
}

export const currentSnapshot: ReadonlySignal<SnapshotRef | null> = computed(() =>
  run.value && step.value ? { run: run.value.name, step: step.value.step } : null,
);

/** Whether the run keeps no activations of single instances at a step. */
export const isThinned = ({ run: name, step: at }: SnapshotRef): boolean | undefined =>
  runs
    .peek()
    ?.runs.find((info) => info.name === name)
    ?.steps.find((info) => info.step === at)?.thinned;

/** The step that is compared: the chosen one, else the nearest to the step shown. */
export const comparedStep: ReadonlySignal<StepInfo | null> = computed(() => {
  const [target, here] = [compare.value, currentSnapshot.value];
  if (!target || !here) return null;
  const other = runs.value?.runs.find(({ name }) => name === target.run);
  return (other && nearest(other.steps, target.step ?? here.step)) ?? null;
});

export const comparedSnapshot: ReadonlySignal<SnapshotRef | null> = computed(() =>
  compare.value && comparedStep.value ? { run: compare.value.run, step: comparedStep.value.step } : null,
);
