/** Polls the log directory for new runs and steps. */

import { batch, effect, signal } from "@preact/signals";
import type { SnapshotRef } from "../api/source";
import { ApiError, type Runs } from "../api/types";
import { holdPlace } from "./actions";
import { currentSnapshot, lastPolled, runs, runsError } from "./currentSnapshot";
import { currentSource } from "./data";
import { asApiError, forgetAnswers, markReachable, markUnreachable, server } from "./loads";

const EVERY_MS = 10_000;
const SOON_MS = 3000;

export const polling = signal(false);
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let missed = false;

/**
 * Reads the list of runs once. The shown run and step stay, even if there are newer ones. They must be missing twice
 * before they count as gone: a TensorBoard that has just been started has read little yet.
 */
export async function refreshRuns(): Promise<void> {
  if (polling.peek()) return;
  polling.value = true;
  clearTimeout(retryTimer);
  try {
    const answer = await currentSource().runs(new AbortController().signal);
    const before = currentSnapshot.peek();
    lastPolled.value = Date.now();
    const again = missed;
    missed = before !== null && !has(answer, before);
    if (missed) markUnreachable();
    else markReachable();
    if (missed && (!again || !answer.runs.some(({ steps }) => steps.length > 0))) {
      runsError.value = again ? new ApiError("not_found", "TensorBoard no longer lists a run with activations.") : null;
      if (!again) retryTimer = setTimeout(() => void refreshRuns(), SOON_MS);
      return;
    }
    batch(() => {
      if (hasOtherContent(answer)) forgetAnswers();
      runs.value = answer;
      runsError.value = null;
      // Read the current snapshot again: with the new runs, one that nobody chose would have changed. One that is gone
      // stays chosen, and a notice says so.
      const after = currentSnapshot.peek();
      if (before && (after?.run !== before.run || after.step !== before.step)) holdPlace(before);
    });
  } catch (error) {
    markUnreachable();
    const failed = asApiError(error);
    server.value = failed.kind === "unreachable" ? "gone" : "there";
    runsError.value = failed;
  } finally {
    polling.value = false;
  }
}

/** The digest of every snapshot in the latest list, by run and step. */
const digests = new Map<string, string>();

/** Whether a snapshot's content has changed since the last list: its step was logged again, or the run was replaced. */
function hasOtherContent({ runs: list }: Runs): boolean {
  let other = false;
  for (const { name, steps } of list) {
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

const has = ({ runs: list }: Runs, { run, step }: SnapshotRef): boolean =>
  list.some(({ name, steps }) => name === run && steps.some((one) => one.step === step));

/**
 * Polls every ten seconds while the tab is visible, and at once when TensorBoard reloads. Returns a function that stops
 * it.
 */
export function pollRuns(onReload: (poll: () => void) => () => void): () => void {
  void refreshRuns();
  const poll = (): void => {
    if (document.visibilityState === "visible") void refreshRuns();
  };
  const timer = setInterval(poll, EVERY_MS);
  const forget = onReload(() => void refreshRuns());
  const stop = effect(() => {
    if (server.value === "suspected") void refreshRuns();
  });
  return () => {
    stop();
    clearInterval(timer);
    forget();
  };
}
