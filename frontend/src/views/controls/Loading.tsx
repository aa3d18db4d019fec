/** Progress of a load, and error messages with a button to retry. */

import type { ComponentChildren, JSX } from "preact";
import type { ApiError } from "../../api/types";
import { failureOf, isSaidAbove, type Load } from "../../state/loads";
import { Icon } from "./Icon";

/** An error message with a button to retry. */
export function Failure({
  what,
  message,
  onRetry,
}: {
  what: string;
  message: string;
  onRetry?: () => void;
}): JSX.Element {
  return (
    <div class="failure" role="alert">
      <Icon name="warning" size={16} />
      <div>
        <strong>{what}</strong>
        <p>{message}</p>
        {onRetry && (
          <button type="button" class="button" onClick={onRetry}>
            Try again
          </button>
        )}
      </div>
    </div>
  );
}

/** Whether it makes no sense to ask again: it was removed, or left out of an export. */
const isGone = ({ kind }: ApiError): boolean => kind === "thinned";

const fateOf = (error: ApiError): string => (isGone(error) ? "is not kept" : "could not be read");

/** The same of a load, for small places. */
export function Unread<Q, T>({ load, what = "It" }: { load: Load<Q, T>; what?: string }): JSX.Element | null {
  const failure = failureOf(load);
  return (
    failure && (
      <p class="unread second" role="alert">
        {what} {fateOf(failure)}. {failure.message}
        <br />
        {!isGone(failure) && (
          <button type="button" class="button" onClick={load.retry}>
            Try again
          </button>
        )}
      </p>
    )
  );
}

interface Properties<Q, T> {
  load: Load<Q, T>;
  /** What is loaded: "The matrix of head.fc1". */
  what: string;
  children: (value: T) => ComponentChildren;
}

/**
 * The newest value, with a progress bar while another loads and an error message if that fails. The old picture stays
 * until the new one is loaded; but not where there is none to come, because the step was thinned.
 */
export function Loading<Q, T>({ load, what, children }: Properties<Q, T>): JSX.Element {
  const busy = load.status === "pending" || (load.status === "idle" && load.value === null);
  const failure = failureOf(load);
  const gone = failure && isGone(failure);
  return (
    <div class="loading" aria-busy={busy}>
      {load.value !== null && !gone && children(load.value)}
      {load.value === null && load.error?.kind === "unreachable" && isSaidAbove(load.error) && (
        <p class="hint">Shown when TensorBoard answers.</p>
      )}
      {failure && (
        <Failure
          what={`${what} ${fateOf(failure)}.`}
          message={failure.message}
          {...(!gone && { onRetry: load.retry })}
        />
      )}
      {busy && <div class="progress" role="progressbar" aria-label={`${what} is loading`} />}
    </div>
  );
}
