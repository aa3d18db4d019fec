import { batch, signal } from "@preact/signals";
import type { At } from "../api/source";
import { ApiError, type Runs } from "../api/types";
import { holdPlace } from "./actions";
import { currentSource } from "./data";
import { answered, asApiError, forgetAnswers, silence } from "./loads";
import { at, looked, runs, runsError } from "./place";

const EVERY_MS = 10_000;
const SOON_MS = 3000;

export const polling = signal(false);
let soon: ReturnType<typeof setTimeout> | undefined;
let missed = false;

/**
 * Looks at the log directory once. What the user looks at stays, even if newer steps have come. It is missed twice
 * before it is believed to be gone: a TensorBoard that has just been started has read little yet.
 */
export async function lookForRuns(): Promise<void> {
  if (polling.peek()) return;
  polling.value = true;
  clearTimeout(soon);
  try {
    const found = await currentSource().runs(new AbortController().signal);
    const before = at.peek();
    looked.value = Date.now();
    const again = missed;
    missed = before !== null && !has(found, before);
    if (missed) silence();
    else answered();
    if (missed && (!again || !found.runs.some(({ steps }) => steps.length > 0))) {
      runsError.value = again ? new ApiError("not_found", "TensorBoard lists no run with activations any more.") : null;
      if (!again) soon = setTimeout(() => void lookForRuns(), SOON_MS);
      return;
    }
    batch(() => {
      if (isOther(found)) forgetAnswers();
      runs.value = found;
      runsError.value = null;
      // at is read again here: with the new runs a place that nobody chose would have moved. One that is gone stays
      // wanted, which is said.
      const after = at.peek();
      if (before && (after?.run !== before.run || after.step !== before.step)) holdPlace(before);
    });
  } catch (error) {
    silence();
    runsError.value = asApiError(error);
  } finally {
    polling.value = false;
  }
}

/** The digest that every snapshot had when it was listed last, by run and step. */
const digests = new Map<string, string>();

/** Whether a snapshot has other content than when it was listed last: its step was logged again, or the run replaced. */
function isOther({ runs: there }: Runs): boolean {
  let other = false;
  for (const { name, steps } of there) {
    for (const { step, digest } of steps) {
      if (digest === null) continue;
      const key = JSON.stringify([name, step]);
      const before = digests.get(key);
      other ||= before !== undefined && before !== digest;
      digests.set(key, digest);
    }
  }
  return other;
}

const has = ({ runs: there }: Runs, { run, step }: At): boolean =>
  there.some(({ name, steps }) => name === run && steps.some((one) => one.step === step));

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
