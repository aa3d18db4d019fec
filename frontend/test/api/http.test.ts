import { afterEach, describe, expect, it, vi } from "vitest";
import { httpSource } from "../../src/api/http";

const source = httpSource("/prefix/data/plugin/activis/");
const stub = (answer: () => Promise<Response>): void => void vi.stubGlobal("fetch", answer);

afterEach(() => vi.unstubAllGlobals());

describe("a request that fails", () => {
  const never = new AbortController().signal;

  it("says that nobody answers", async () => {
    stub(() => Promise.reject(new TypeError("Failed to fetch")));
    await expect(source.runs(never)).rejects.toMatchObject({
      kind: "unreachable",
      message: "TensorBoard does not answer. Is it still running?",
    });
  });

  it("says what a proxy answered instead", async () => {
    stub(() => Promise.resolve(new Response("<html>", { status: 502, statusText: "Bad Gateway" })));
    await expect(source.graph("a", never)).rejects.toMatchObject({
      kind: "unreachable",
      message: 'TensorBoard answered "502 Bad Gateway" to the request “graph”.',
    });
  });

  it("is no failure when it was let go", async () => {
    const abort = new AbortController();
    stub(() => Promise.reject(new DOMException("aborted", "AbortError")));
    abort.abort();
    await expect(source.runs(abort.signal)).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("addresses", () => {
  it("lie under the base and quote every character", () => {
    expect(source.contentUrl({ run: "a/b & ü", step: 3 }, 7)).toBe(
      "/prefix/data/plugin/activis/content?run=a%2Fb+%26+%C3%BC&step=3&index=7",
    );
  });
});

describe("what changes something on the server", () => {
  it("is a POST of JSON, what only asks is a GET", async () => {
    const requests: { address: string; init: RequestInit }[] = [];
    vi.stubGlobal("fetch", (address: string, init: RequestInit) => {
      requests.push({ address, init });
      return Promise.reject(new TypeError("Failed to fetch"));
    });
    const at = { run: "a", step: 3 };
    const signal = new AbortController().signal;
    for (const action of [undefined, "start", "cancel"] as const) {
      await expect(source.projection(at, "head", { method: "tsne" }, signal, undefined, action)).rejects.toMatchObject({
        kind: "unreachable",
      });
    }
    const [asked, ...acted] = requests;
    expect(asked).toMatchObject({
      address: "/prefix/data/plugin/activis/projection?run=a&step=3&layer=head&method=tsne",
    });
    expect(asked!.init.method).toBeUndefined();
    for (const [index, action] of (["start", "cancel"] as const).entries()) {
      const { address, init } = acted[index]!;
      expect(address).toBe("/prefix/data/plugin/activis/projection");
      expect(init).toMatchObject({ method: "POST", headers: { "Content-Type": "application/json" } });
      expect(JSON.parse(init.body as string)).toEqual({ ...at, layer: "head", method: "tsne", action });
    }
  });
});
