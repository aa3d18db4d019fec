import { effect } from "@preact/signals";
import { beforeEach, describe, expect, it } from "vitest";
import { fixtureSource } from "../../fixture/source";
import type { Runs, StepInfo } from "../../src/api/types";
import { chooseRun } from "../../src/state/actions";
import { comparedSnapshot, currentSnapshot, runs, runsError } from "../../src/state/currentSnapshot";
import { setSource } from "../../src/state/data";
import { notices } from "../../src/state/derived";
import { Requests, resource } from "../../src/state/loads";
import { refreshRuns } from "../../src/state/poll";
import { decode } from "../../src/state/url";
import { chosenRun, chosenStep, compare } from "../../src/state/view";

const info = (step: number, wall_time: number, problem: string | null = null): StepInfo => ({
  step,
  wall_time,
  digest: `${step}`,
  accuracy: null,
  loss: null,
  thinned: false,
  problem,
});
const there = (...named: [string, StepInfo[]][]): Runs => ({
  logdir: "logs",
  other_runs: [],
  docs: false,
  runs: named.map(([name, steps]) => ({ name, problems: [], health: null, steps })),
});

let answer: () => Promise<Runs>;

beforeEach(() => {
  decode(new Map());
  runs.value = null;
  runsError.value = null;
  setSource({ ...fixtureSource(), runs: () => answer() });
});

describe("the place", () => {
  it("is at first the newest readable snapshot", async () => {
    answer = async () =>
      there(
        ["old", [info(10, 1), info(20, 2)]],
        ["new", [info(5, 3), info(7, 4), info(9, 5, "cut off")]],
        ["empty", []],
      );
    await refreshRuns();
    expect(currentSnapshot.value).toEqual({ run: "new", step: 7 });
  });

  it("stays when steps and runs come", async () => {
    answer = async () => there(["a", [info(10, 1)]]);
    await refreshRuns();
    answer = async () => there(["a", [info(10, 1), info(20, 2)]], ["b", [info(10, 9)]]);
    await refreshRuns();
    expect(currentSnapshot.value).toEqual({ run: "a", step: 10 });
  });

  it("asks again for all that is shown when a step is logged again", async () => {
    let requests = 0;
    const answers = new Requests(async (_: { run: string }) => ++requests);
    const shown = resource(() => (currentSnapshot.value ? { run: currentSnapshot.value.run } : null), answers);
    const stop = effect(() => void shown.value);
    const settled = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
    const list = async (...digests: (string | null)[]): Promise<void> => {
      answer = async () => there(["again", digests.map((digest, step) => ({ ...info(step, 1), digest }))]);
      await refreshRuns();
      await settled();
    };
    await list("a", "b");
    await list("a", "b", "c");
    expect([requests, shown.value.value]).toEqual([1, 1]);
    await list("a", "other", "c");
    expect([requests, shown.value.value]).toEqual([2, 2]);
    await list("a", null, "c");
    await list("a");
    await list("a", "other", "c");
    expect(requests).toBe(2);
    await list("a", "b", "c");
    expect([requests, shown.value.value]).toEqual([3, 3]);
    stop();
  });

  it("moves to the nearest when it goes", async () => {
    answer = async () => there(["a", [info(10, 1), info(20, 2), info(30, 3)]]);
    await refreshRuns();
    chosenStep.value = 20;
    answer = async () => there(["a", [info(10, 1), info(24, 2)]]);
    await refreshRuns();
    expect(currentSnapshot.value, "missed once").toEqual({ run: "a", step: 20 });
    await refreshRuns();
    expect(currentSnapshot.value).toEqual({ run: "a", step: 24 });
    expect(chosenStep.value).toBe(20);
    answer = async () => there(["b", [info(3, 1)]]);
    await refreshRuns();
    await refreshRuns();
    expect(currentSnapshot.value).toEqual({ run: "b", step: 3 });
    expect(notices.value).toEqual(["There is no run “a” with activations; this is b."]);
  });

  it("comes back when it does, though nobody had chosen it", async () => {
    answer = async () => there(["a", [info(10, 1), info(20, 2)]]);
    await refreshRuns();
    answer = async () => there(["b", [info(3, 1)]]);
    await refreshRuns();
    await refreshRuns();
    expect(currentSnapshot.value).toEqual({ run: "b", step: 3 });
    answer = async () => there(["a", [info(10, 1), info(20, 2), info(30, 3)]], ["b", [info(3, 1)]]);
    await refreshRuns();
    expect(currentSnapshot.value).toEqual({ run: "a", step: 20 });
  });

  it("stays while TensorBoard has just been started and knows no run", async () => {
    answer = async () => there(["a", [info(10, 1)]]);
    await refreshRuns();
    answer = async () => there();
    await refreshRuns();
    expect(runsError.value).toBeNull();
    await refreshRuns();
    expect(currentSnapshot.value).toEqual({ run: "a", step: 10 });
    expect(runsError.value?.message).toBe("TensorBoard no longer lists a run with activations.");
    answer = async () => there(["a", [info(10, 1)]]);
    await refreshRuns();
    expect(runsError.value).toBeNull();
  });

  it("keeps what was read when the server stops answering", async () => {
    answer = async () => there(["a", [info(10, 1)]]);
    await refreshRuns();
    answer = () => Promise.reject(new Error("gone"));
    await refreshRuns();
    expect(currentSnapshot.value).toEqual({ run: "a", step: 10 });
    expect(runsError.value?.message).toBe("gone");
  });

  it("of a comparison is the chosen or the nearest step of the other run", async () => {
    answer = async () => there(["a", [info(10, 1), info(20, 2)]], ["b", [info(8, 1), info(19, 1.5)]]);
    await refreshRuns();
    expect(comparedSnapshot.value).toBeNull();
    compare.value = { run: "b", step: null };
    expect(comparedSnapshot.value).toEqual({ run: "b", step: 19 });
    compare.value = { run: "a", step: 10 };
    expect(comparedSnapshot.value).toEqual({ run: "a", step: 10 });
  });

  it("keeps a chosen step, as near as it can, in another run", async () => {
    answer = async () => there(["a", [info(10, 1), info(20, 2)]], ["b", [info(8, 1), info(30, 1.5)]]);
    await refreshRuns();
    chosenStep.value = 10;
    chooseRun("b");
    expect([chosenRun.value, currentSnapshot.value]).toEqual(["b", { run: "b", step: 8 }]);
  });
});
