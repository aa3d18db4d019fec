import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { At } from "../api/source";
import type { ApiError, RunInfo, Runs, StepInfo } from "../api/types";
import { chosenRun, chosenStep, compare } from "./view";

/** Which snapshot is shown. `runs` is asked for again and again (poll.ts); the user's place stays where it was. */

export const runs = signal<Runs | null>(null);
export const runsError = signal<ApiError | null>(null);
/** When the log directory was last looked at, in milliseconds. */
export const looked = signal(0);

const usable = (run: RunInfo): boolean => run.steps.length > 0;

/** The run shown: the chosen one, else the one with the newest snapshot. */
export const run: ReadonlySignal<RunInfo | null> = computed(() => {
  const there = runs.value?.runs.filter(usable) ?? [];
  const newest = (info: RunInfo): number => Math.max(...info.steps.map((step) => step.wall_time));
  return (
    there.find(({ name }) => name === chosenRun.value) ??
    there.reduce<RunInfo | null>((best, info) => (!best || newest(info) > newest(best) ? info : best), null)
  );
});

export const steps: ReadonlySignal<StepInfo[]> = computed(() => run.value?.steps ?? []);

/** The step shown: the chosen one, else the last readable one; the nearest when the chosen one is not there. */
export const step: ReadonlySignal<StepInfo | null> = computed(() => {
  const readable = steps.value.filter(({ problem }) => problem === null);
  const there = readable.length > 0 ? readable : steps.value;
  return (chosenStep.value === null ? there.at(-1) : nearest(steps.value, chosenStep.value)) ?? null;
});

export function nearest(there: StepInfo[], wanted: number): StepInfo | null {
  return there.reduce<StepInfo | null>(
    (best, info) => (!best || Math.abs(info.step - wanted) < Math.abs(best.step - wanted) ? info : best),
    null,
  );
}

export const at: ReadonlySignal<At | null> = computed(() =>
  run.value && step.value ? { run: run.value.name, step: step.value.step } : null,
);

export const compareAt: ReadonlySignal<At | null> = computed(() => {
  const [wanted, here] = [compare.value, at.value];
  if (!wanted || !here) return null;
  const other = runs.value?.runs.find(({ name }) => name === wanted.run);
  const beside = other && nearest(other.steps, wanted.step ?? here.step);
  return beside ? { run: wanted.run, step: beside.step } : null;
});

/**
 * The snapshot whose layout this one's is turned onto. With another run beside, both take the places of the run that
 * comes first by its name: after a swap the same instances lie where they lay.
 */
export function turnedOnto(here: At, beside: At | null): At | undefined {
  return beside && beside.run < here.run ? beside : undefined;
}
