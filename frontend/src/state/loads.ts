/** Loads with their status (pending, ready, failed), a cache, cancellation and retries. */

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { ApiError } from "../api/types";
import { getOrInsert } from "../lib/getOrInsert";

/**
 * A load as views read it. `value` is the newest answer and stays while another one loads; `query` is the query that
 * `value` answers, which may be older than the latest.
 */
export interface Load<Q, T> {
  status: "idle" | "pending" | "ready" | "failed";
  value: T | null;
  query: Q | null;
  error: ApiError | null;
  retry: () => void;
}

export type Resource<Q, T> = ReadonlySignal<Load<Q, T>>;

interface Flight<T> {
  promise: Promise<T>;
  abort: AbortController;
  waiting: number;
  /** An approximate answer, until the exact one arrives. */
  first: T | undefined;
  listeners: Set<(first: T) => void>;
}

/**
 * Whether TensorBoard answers. Where a request got no answer it is asked for its runs at once: until that is answered,
 * it is "suspected" to be gone.
 */
export const server = signal<"there" | "suspected" | "gone">("there");
/** When a suspicion last proved wrong, in milliseconds. */
let refuted = 0;
/** A request that gets no answer so soon after that has a problem of its own. */
const SOON_MS = 5000;

function suspect(): void {
  if (server.peek() === "there" && Date.now() - refuted > SOON_MS) server.value = "suspected";
}

/** Whether one message about the server, above everything, says what this error would say in its place. */
export const isSaidAbove = (error: ApiError | null): boolean =>
  server.value !== "there" && (error?.kind === "unreachable" || error?.kind === "not_loaded");

/** What a view must say of a load that failed; null where nothing failed, or where it is said above. */
export const failureOf = ({ status, error }: Pick<Load<unknown, unknown>, "status" | "error">): ApiError | null =>
  status === "failed" && !isSaidAbove(error) ? error : null;

let unreachable = false;
/** Retry functions of failed requests, and whether they are called automatically once the server answers again. */
const failedRequests = new Map<() => void, boolean>();

/** Call when the server does not answer, or has just been started and has read nothing yet. */
export function markUnreachable(): void {
  unreachable = true;
}

/** Registers a retry function. */
export function retryLater(retry: () => void, byItself = true): void {
  failedRequests.set(retry, byItself);
}

export function markReachable(): void {
  if (server.peek() === "suspected") refuted = Date.now();
  server.value = "there";
  if (unreachable) tryAgain(true);
  unreachable = false;
}

function tryAgain(byItself: boolean): void {
  for (const [retry, own] of [...failedRequests]) {
    if (byItself && !own) continue;
    failedRequests.delete(retry);
    retry();
  }
}

/** Counts the changes of content under the same names. Cached answers of earlier editions are not used. */
const edition = signal(0);

/** Call when the server has other content under the same names: everything shown is requested again. */
export function forgetAnswers(): void {
  edition.value++;
}

/** An address that the browser loads again in every edition. */
export const inThisEdition = (url: string): string => (edition.value === 0 ? url : `${url}#${edition.value}`);

/** Memory limit for the arrays in the answers of one kind. */
const MOST_BYTES = 200e6;

const bytesOf = (answer: unknown): number =>
  typeof answer === "object" && answer !== null
    ? Object.values(answer).reduce<number>((sum, part) => sum + (ArrayBuffer.isView(part) ? part.byteLength : 0), 0)
    : 0;

/**
 * Requests of one kind, with a cache of the latest `keep` answers within a memory limit. Equal requests in flight are
 * shared; a request is aborted when nobody waits for it.
 */
export class Requests<Q, T> {
  readonly #answers = new Map<string, { value: T; bytes: number }>();
  #bytes = 0;
  readonly #flights = new Map<string, Flight<T>>();

  /** `load` may pass an approximate answer to `onFirstAnswer`, which is shown until the promise resolves. */
  constructor(
    readonly load: (query: Q, signal: AbortSignal, onFirstAnswer: (first: T) => void) => Promise<T>,
    readonly keep = 32,
  ) {}

  answer(key: string): T | undefined {
    return this.#answers.get(key)?.value;
  }

  /**
   * Joins or starts the request. Call `leave` when the answer is no longer needed; `onFirst` receives an approximate
   * answer if there is one.
   */
  fetch(query: Q, key: string, onFirst: (first: T) => void = () => {}): { promise: Promise<T>; leave: () => void } {
    const flight = this.#flights.get(key) ?? this.#start(query, key);
    flight.waiting++;
    flight.listeners.add(onFirst);
    if (flight.first !== undefined) onFirst(flight.first);
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      flight.listeners.delete(onFirst);
      if (--flight.waiting === 0 && this.#flights.get(key) === flight) {
        this.#flights.delete(key);
        flight.abort.abort();
      }
    };
    return { promise: flight.promise, leave };
  }

  #drop(key: string): void {
    this.#bytes -= this.#answers.get(key)?.bytes ?? 0;
    this.#answers.delete(key);
  }

  #start(query: Q, key: string): Flight<T> {
    const abort = new AbortController();
    const listeners = new Set<(first: T) => void>();
    const onFirstAnswer = (first: T): void => {
      if (abort.signal.aborted) return;
      flight.first = first;
      for (const onFirst of listeners) onFirst(first);
    };
    const promise = this.load(query, abort.signal, onFirstAnswer).then((value) => {
      this.#drop(key);
      const bytes = bytesOf(value);
      this.#answers.set(key, { value, bytes });
      this.#bytes += bytes;
      for (const oldest of this.#answers.keys()) {
        if (oldest === key || (this.#answers.size <= this.keep && this.#bytes <= MOST_BYTES)) break;
        this.#drop(oldest);
      }
      return value;
    });
    const flight: Flight<T> = { promise, abort, waiting: 0, first: undefined, listeners: listeners };
    const land = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    promise.then(land, land);
    this.#flights.set(key, flight);
    return flight;
  }
}

/**
 * A signal with the answer to `query()`, requested again whenever that changes. Nothing is requested while nobody reads
 * the signal, or while the query is null. The latest query wins, whatever the order of the answers.
 */
export function resource<Q, T>(query: () => Q | null, requests: Requests<Q, T>): Resource<Q, T> {
  const attempt = signal(0);
  const again = (): void => void attempt.value++;
  // One button retries all failed requests.
  const retry = (): void => tryAgain(false);
  let watched = false;
  let stop: (() => void) | null = null;
  let leave: (() => void) | null = null;
  let currentRequest: string | null = null;

  const follow = (): void => {
    const q = query();
    const times = attempt.value;
    const key = q === null ? null : `${edition.value} ${JSON.stringify(q)}`;
    if (`${times}${key}` === currentRequest) return;
    currentRequest = `${times}${key}`;
    leave?.();
    leave = null;
    if (q === null || key === null) {
      state.value = { status: "idle", value: null, query: null, error: null, retry };
      return;
    }
    const cached = requests.answer(key);
    if (cached !== undefined) {
      state.value = { status: "ready", value: cached, query: q, error: null, retry };
      return;
    }
    const token = currentRequest;
    state.value = { ...state.peek(), status: "pending", error: null };
    // Once the change is over that asks for it: views that it ends, and states that it only passes, ask for nothing.
    const timer = setTimeout(() => {
      const flight = requests.fetch(q, key, (first) => {
        if (token === currentRequest) state.value = { status: "pending", value: first, query: q, error: null, retry };
      });
      leave = flight.leave;
      flight.promise.then(
        (value) => {
          if (token === currentRequest) state.value = { status: "ready", value, query: q, error: null, retry };
        },
        (error: unknown) => {
          if (token !== currentRequest) return;
          const apiError = asApiError(error);
          state.value = { ...state.peek(), status: "failed", error: apiError };
          if (apiError.kind === "unreachable") {
            markUnreachable();
            suspect();
          }
          retryLater(again, ["unreachable", "not_loaded", "not_found"].includes(apiError.kind));
        },
      );
    });
    leave = () => clearTimeout(timer);
  };

  // Subscribing happens during evaluation, where no signal may be written: defer to the next microtask.
  const settle = (): void => {
    if (watched && !stop) stop = effect(follow);
    if (!watched && stop) {
      stop();
      stop = null;
      leave?.();
      leave = null;
      if (state.peek().status === "pending") currentRequest = null;
    }
  };
  const state = signal<Load<Q, T>>(
    { status: "idle", value: null, query: null, error: null, retry },
    {
      watched() {
        watched = true;
        queueMicrotask(settle);
      },
      unwatched() {
        watched = false;
        queueMicrotask(settle);
      },
    },
  );
  return state;
}

/** One resource per name, created on first use. */
export function perName<Q, T>(make: (name: string) => Resource<Q, T>): (name: string) => Resource<Q, T> {
  const made = new Map<string, Resource<Q, T>>();
  return (name) => getOrInsert(made, name, make);
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError("internal", error instanceof Error ? error.message : String(error));
}
