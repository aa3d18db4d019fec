import { effect, signal } from "@preact/signals";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixtureSource } from "../../fixture/source";
import { setSource, snapshot } from "../../src/state/data";
import { refreshRuns } from "../../src/state/poll";
import { tsneOf, tsneProgress } from "../../src/state/projections";

const settled = async (ready: () => boolean): Promise<void> => {
  for (let i = 0; i < 400 && !ready(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(ready()).toBe(true);
};

/** What the server heard of the t-SNE, in order; it is never done. */
const heard: ("ask" | "start" | "cancel")[] = [];
let restarted = false;
const wanted = signal(false);
const stops: (() => void)[] = [];

beforeAll(async () => {
  const source = fixtureSource();
  setSource({
    ...source,
    projection: async (at, layer, { method }, abort, like, action) => {
      const answer = await source.projection(at, layer, { method: "pca" }, abort, like);
      if (method !== "tsne") return answer;
      heard.push(action ?? "ask");
      return {
        ...answer,
        state: action === "cancel" ? "cancelled" : restarted ? "not_started" : "running",
        progress: 0.2,
      };
    },
  });
  await refreshRuns();
  stops.push(effect(() => void snapshot.value));
  await settled(() => snapshot.value.status === "ready");
  const tsne = tsneOf("head.fc1", () => wanted.value);
  stops.push(effect(() => void tsne.value));
});
afterAll(() => stops.forEach((stop) => stop()));

describe("a t-SNE that is computed", () => {
  it("is started once, then only asked for", async () => {
    wanted.value = true;
    await settled(() => heard.length >= 2);
    expect(heard.slice(0, 2)).toEqual(["start", "ask"]);
  });

  it("is started again when the server has forgotten it", async () => {
    restarted = true;
    await settled(() => heard.at(-1) === "ask");
    await settled(() => heard.at(-1) === "start");
    restarted = false;
  });

  it("is cancelled before the same one is asked for again", async () => {
    wanted.value = true;
    await settled(() => tsneProgress.value.get("head.fc1") === 0.2);
    heard.length = 0;
    wanted.value = false;
    await new Promise((resolve) => setTimeout(resolve));
    wanted.value = true;
    await settled(() => heard.length >= 2);
    expect(heard.slice(0, 2)).toEqual(["cancel", "start"]);
  });
});
