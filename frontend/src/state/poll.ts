import { batch, signal } from "@preact/signals";
import { holdPlace } from "./actions";
import { currentSource } from "./data";
import { asApiError } from "./loads";
import { at, looked, runs, runsError } from "./place";

const EVERY_MS = 10_000;

export const polling = signal(false);

/** Looks at the log directory once. What the user looks at stays, even if newer steps have come. */
export async function lookForRuns(): Promise<void> {
  if (polling.peek()) return;
  polling.value = true;
  try {
    const found = await currentSource().runs(new AbortController().signal);
    const before = at.peek();
    batch(() => {
      runs.value = found;
      runsError.value = null;
      looked.value = Date.now();
      // at is read again here: with the new runs a place that nobody chose would have moved to the newest step.
      const after = at.peek();
      if (before && after && (after.run !== before.run || after.step !== before.step)) holdAt(before);
    });
  } catch (error) {
    runsError.value = asApiError(error);
  } finally {
    polling.value = false;
  }
}

function holdAt(before: { run: string; step: number }): void {
  const still = runs.peek()?.runs.find(({ name }) => name === before.run)?.steps.some(({ step }) => step === before.step);
  if (still) holdPlace(before);
}

/** Looks every ten seconds while the tab is visible, and at once when TensorBoard reloads. Returns what stops it. */
export function pollRuns(onReload: (look: () => void) => () => void): () => void {
  void lookForRuns();
  const look = (): void => {
    if (document.visibilityState === "visible") void lookForRuns();
  };
  const timer = setInterval(look, EVERY_MS);
  const forget = onReload(() => void lookForRuns());
  return () => {
    clearInterval(timer);
    forget();
  };
}
