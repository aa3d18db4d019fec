import { effect, signal } from "@preact/signals";
import { describe, expect, it, vi } from "vitest";
import { ApiError } from "../../src/api/types";
import {
  forgetAnswers,
  inThisEdition,
  isSaidAbove,
  markReachable,
  markUnreachable,
  Requests,
  resource,
  server,
} from "../../src/state/loads";

/** Requests that are answered by hand, in any order. */
function byHand() {
  const open: { query: string; answer: (value: string) => void; fail: (error: Error) => void; signal: AbortSignal }[] =
    [];
  const requests = new Requests<string, string>(
    (query, abort) => new Promise((answer, fail) => void open.push({ query, answer, fail, signal: abort })),
  );
  return { open, requests };
}

/** A request starts in the task after the change that asks for it. */
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(() => setTimeout(resolve)));

describe("resource", () => {
  it("lets the latest query win, whatever the order of the answers", async () => {
    const { open, requests } = byHand();
    const query = signal("a");
    const load = resource(() => query.value, requests);
    const stop = effect(() => void load.value);
    await soon();
    query.value = "b";
    expect(open[0]?.signal.aborted).toBe(true);
    await soon();
    expect(open.map((flight) => flight.query)).toEqual(["a", "b"]);
    open[1]?.answer("B");
    await soon();
    open[0]?.answer("A");
    await soon();
    expect(load.value).toMatchObject({ status: "ready", value: "B", query: "b" });
    stop();
  });

  it("believes no answer any more once the server has other content", async () => {
    const { open, requests } = byHand();
    const query = signal("a");
    const load = resource(() => query.value, requests);
    let stop = effect(() => void load.value);
    await soon();
    open[0]?.answer("A");
    await soon();
    query.value = "b";
    await soon();
    forgetAnswers();
    await soon();
    open[1]?.answer("old B");
    open[2]?.answer("B");
    await soon();
    expect(load.value).toMatchObject({ status: "ready", value: "B", query: "b" });
    query.value = "a";
    await soon();
    open[3]?.answer("new A");
    await soon();
    expect(load.value).toMatchObject({ status: "ready", value: "new A" });
    stop();
    await soon();
    forgetAnswers();
    stop = effect(() => void load.value);
    await soon();
    open[4]?.answer("newest A");
    await soon();
    expect(load.value).toMatchObject({ status: "ready", value: "newest A" });
    expect(inThisEdition("content?index=1")).toMatch(/^content\?index=1#[0-9]+$/);
    stop();
  });

  it("keeps the old value, and what it answers, while a new one loads or fails", async () => {
    const { open, requests } = byHand();
    const query = signal("a");
    const load = resource(() => query.value, requests);
    const stop = effect(() => void load.value);
    await soon();
    open[0]?.answer("A");
    await soon();
    query.value = "b";
    expect(load.value).toMatchObject({ status: "pending", value: "A", query: "a" });
    await soon();
    open[1]?.fail(new ApiError("unreadable", "the file is missing"));
    await soon();
    expect(load.value).toMatchObject({ status: "failed", value: "A", query: "a" });
    expect(load.value.error?.message).toBe("the file is missing");
    load.value.retry();
    expect(load.value.status).toBe("pending");
    await soon();
    open[2]?.answer("B");
    await soon();
    expect(load.value).toMatchObject({ status: "ready", value: "B", error: null });
    stop();
  });

  it("asks again by itself for what was not answered, when somebody answers", async () => {
    const { open, requests } = byHand();
    const load = resource(() => "a", requests);
    const stop = effect(() => void load.value);
    await soon();
    markReachable();
    expect(open.length).toBe(1);
    open[0]?.fail(new ApiError("unreachable", "nobody there"));
    await soon();
    markReachable();
    expect(load.value.status).toBe("pending");
    await soon();
    open[1]?.fail(new ApiError("internal", "its own fault"));
    await soon();
    markUnreachable();
    markReachable();
    expect(load.value).toMatchObject({ status: "failed", error: { message: "its own fault" } });
    expect(open.length).toBe(2);
    stop();
  });

  it("suspects that the server is gone where a request is not answered, unless that has just proved wrong", async () => {
    const { open, requests } = byHand();
    const load = resource(() => "a", requests);
    const stop = effect(() => void load.value);
    const gone = new ApiError("unreachable", "nobody there");
    const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 60_000);
    await soon();
    open[0]?.fail(gone);
    await soon();
    expect(server.value).toBe("suspected");
    expect(isSaidAbove(gone)).toBe(true);
    expect(isSaidAbove(new ApiError("unreadable", "a file is missing"))).toBe(false);
    markReachable();
    expect([server.value, isSaidAbove(gone)]).toEqual(["there", false]);
    await soon();
    open[1]?.fail(gone);
    await soon();
    expect(server.value).toBe("there");
    now.mockRestore();
    stop();
  });

  it("shows a first answer until the exact one is there, to all who wait for it", async () => {
    let exact: (value: string) => void = () => {};
    let early: (value: string) => void = () => {};
    const requests = new Requests<string, string>(
      (_, __, first) =>
        new Promise((answer) => {
          exact = answer;
          early = first;
        }),
    );
    const query = signal<string | null>("a");
    const load = resource(() => query.value, requests);
    const stop = effect(() => void load.value);
    await soon();
    early("about A");
    expect(load.value).toMatchObject({ status: "pending", value: "about A", query: "a" });
    const late = resource(() => query.value, requests);
    const stopLate = effect(() => void late.value);
    await soon();
    expect(late.value).toMatchObject({ status: "pending", value: "about A", query: "a" });
    exact("A");
    await soon();
    expect(load.value).toMatchObject({ status: "ready", value: "A", query: "a" });
    query.value = "b";
    await soon();
    query.value = null;
    early("about B");
    expect(load.value).toMatchObject({ status: "idle", value: null });
    stop();
    stopLate();
  });

  it("asks nothing twice: neither what was answered nor what is under way", async () => {
    const { open, requests } = byHand();
    const query = signal("a");
    const [first, second] = [resource(() => query.value, requests), resource(() => query.value, requests)];
    const stop = effect(() => void [first.value, second.value]);
    await soon();
    expect(open).toHaveLength(1);
    open[0]?.answer("A");
    await soon();
    query.value = "b";
    await soon();
    query.value = "a";
    expect(open.map((flight) => flight.query)).toEqual(["a", "b"]);
    expect(first.value).toMatchObject({ status: "ready", value: "A" });
    expect(second.value).toMatchObject({ status: "ready", value: "A" });
    stop();
  });

  it("asks only for what is wanted when a change is over", async () => {
    const { open, requests } = byHand();
    const [query, isShown] = [signal<string | null>("a"), signal(true)];
    const [load, gone] = [resource(() => query.value, requests), resource(() => `old ${query.value}`, requests)];
    const stop = effect(() => void [load.value, isShown.value && gone.value]);
    await soon();
    for (const next of ["b", "c", null, "d"]) query.value = next;
    isShown.value = false;
    expect(load.value.status).toBe("pending");
    await soon();
    expect(open.map((flight) => flight.query)).toEqual(["a", "old a", "d"]);
    stop();
  });

  it("asks nothing while nobody reads it, and lets go of what nobody waits for", async () => {
    const { open, requests } = byHand();
    const load = resource(() => "a", requests);
    await soon();
    expect(open).toHaveLength(0);
    const stop = effect(() => void load.value);
    await soon();
    expect(open).toHaveLength(1);
    stop();
    await soon();
    expect(open[0]?.signal.aborted).toBe(true);
    const again = effect(() => void load.value);
    await soon();
    expect(open).toHaveLength(2);
    open[1]?.answer("A");
    await soon();
    expect(load.value).toMatchObject({ status: "ready", value: "A" });
    again();
  });

  it("is idle without a query", async () => {
    const { open, requests } = byHand();
    const load = resource(() => null, requests);
    const stop = effect(() => void load.value);
    await soon();
    expect(load.value).toMatchObject({ status: "idle", value: null });
    expect(open).toHaveLength(0);
    stop();
  });
});

describe("Requests", () => {
  it("keeps only the newest answers", async () => {
    const requests = new Requests<string, string>((query) => Promise.resolve(query.toUpperCase()), 2);
    for (const key of ["a", "b", "c"]) await requests.fetch(key, key).promise;
    expect(["a", "b", "c"].map((key) => requests.answer(key))).toEqual([undefined, "B", "C"]);
  });
});
