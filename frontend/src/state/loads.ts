import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { ApiError } from "../api/types";
import { getOrInsert } from "../lib/getOrInsert";

/**
 * What a view reads of something that is fetched. `value` is the newest answer there is and stays while another one
 * loads, and `query` is what that value answers, which may be older than what was asked last.
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
  /** A first answer, while the exact one is under way. */
  first: T | undefined;
  hearers: Set<(first: T) => void>;
}

let silent = false;
/** What failed, by how it is tried again: by itself, or only when it is asked for. */
const unanswered = new Map<() => void, boolean>();

/** Nobody answers, or one who has just been started and has read nothing yet. */
export function silence(): void {
  silent = true;
}

/** Tries again what failed for that, once it is over. */
export function whenAnswered(retry: () => void, byItself = true): void {
  unanswered.set(retry, byItself);
}

export function answered(): void {
  if (silent) tryAgain(true);
  silent = false;
}

function tryAgain(byItself: boolean): void {
  for (const [retry, own] of [...unanswered]) {
    if (byItself && !own) continue;
    unanswered.delete(retry);
    retry();
  }
}

/** Answers are believed within one edition of what the server has. */
const edition = signal(0);

/** The server has other content under the same names: no answer is believed any more, and what is shown is asked for again. */
export function forgetAnswers(): void {
  edition.value++;
}

/** An address that is loaded anew in every edition. */
export const inThisEdition = (url: string): string => (edition.value === 0 ? url : `${url}#${edition.value}`);

/** What the answers of one kind may hold in arrays. */
const MOST_BYTES = 200e6;

const bytesOf = (answer: unknown): number =>
  typeof answer === "object" && answer !== null
    ? Object.values(answer).reduce<number>((sum, part) => sum + (ArrayBuffer.isView(part) ? part.byteLength : 0), 0)
    : 0;

/**
 * Requests of one kind: answers are kept (the `keep` latest, as far as there is room), equal requests in flight are
 * one, and one that nobody waits for is aborted.
 */
export class Requests<Q, T> {
  readonly #answers = new Map<string, { value: T; bytes: number }>();
  #bytes = 0;
  readonly #flights = new Map<string, Flight<T>>();

  /** `load` may hand a first answer to `soon`, which is shown until the promise keeps its word. */
  constructor(
    readonly load: (query: Q, signal: AbortSignal, soon: (first: T) => void) => Promise<T>,
    readonly keep = 32,
  ) {}

  answer(key: string): T | undefined {
    return this.#answers.get(key)?.value;
  }

  /**
   * Joins or starts the request. `leave` must be called once the caller no longer waits; `hear` gets a first answer, if
   * there is one.
   */
  fetch(query: Q, key: string, hear: (first: T) => void = () => {}): { promise: Promise<T>; leave: () => void } {
    const flight = this.#flights.get(key) ?? this.#start(query, key);
    flight.waiting++;
    flight.hearers.add(hear);
    if (flight.first !== undefined) hear(flight.first);
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      flight.hearers.delete(hear);
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
    const hearers = new Set<(first: T) => void>();
    const soon = (first: T): void => {
      if (abort.signal.aborted) return;
      flight.first = first;
      for (const hear of hearers) hear(first);
    };
    const promise = this.load(query, abort.signal, soon).then((value) => {
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
    const flight: Flight<T> = { promise, abort, waiting: 0, first: undefined, hearers };
    const land = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    promise.then(land, land);
    this.#flights.set(key, flight);
    return flight;
  }
}

/**
 * A signal that holds the answer to `query()`, asked again whenever that changes; nothing is asked while nobody reads
 * the signal, nor while the query is null. The latest query wins, whatever the order of the answers.
 */
export function resource<Q, T>(query: () => Q | null, requests: Requests<Q, T>): Resource<Q, T> {
  const attempt = signal(0);
  const again = (): void => void attempt.value++;
  // One button for all that failed.
  const retry = (): void => tryAgain(false);
  let watched = false;
  let stop: (() => void) | null = null;
  let leave: (() => void) | null = null;
  let asked: string | null = null;

  const follow = (): void => {
    const q = query();
    const times = attempt.value;
    const key = q === null ? null : `${edition.value} ${JSON.stringify(q)}`;
    if (`${times}${key}` === asked) return;
    asked = `${times}${key}`;
    leave?.();
    leave = null;
    if (q === null || key === null) {
      state.value = { status: "idle", value: null, query: null, error: null, retry };
      return;
    }
    const kept = requests.answer(key);
    if (kept !== undefined) {
      state.value = { status: "ready", value: kept, query: q, error: null, retry };
      return;
    }
    const token = asked;
    state.value = { ...state.peek(), status: "pending", error: null };
    const flight = requests.fetch(q, key, (first) => {
      if (token === asked) state.value = { status: "pending", value: first, query: q, error: null, retry };
    });
    leave = flight.leave;
    flight.promise.then(
      (value) => {
        if (token === asked) state.value = { status: "ready", value, query: q, error: null, retry };
      },
      (error: unknown) => {
        if (token !== asked) return;
        const said = asApiError(error);
        state.value = { ...state.peek(), status: "failed", error: said };
        if (said.kind === "unreachable") silence();
        whenAnswered(again, said.kind === "unreachable" || said.kind === "not_found");
      },
    );
  };

  // Subscribing happens while others are evaluated: what follows writes signals, so it waits for the next microtask.
  const settle = (): void => {
    if (watched && !stop) stop = effect(follow);
    if (!watched && stop) {
      stop();
      stop = null;
      leave?.();
      leave = null;
      if (state.peek().status === "pending") asked = null;
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

/** One resource per name, made when first asked for. */
export function perName<Q, T>(make: (name: string) => Resource<Q, T>): (name: string) => Resource<Q, T> {
  const made = new Map<string, Resource<Q, T>>();
  return (name) => getOrInsert(made, name, make);
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError("internal", error instanceof Error ? error.message : String(error));
}
