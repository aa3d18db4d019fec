import { beforeEach, describe, expect, it } from "vitest";
import type { RunInfo } from "../../src/api/types";
import { runs } from "../../src/state/currentSnapshot";
import { timeOf, valuesOf } from "../../src/state/health";
import { graphWidth, hasHealth, modelPane, resizePane, viewport } from "../../src/state/panes";
import { decode, encode } from "../../src/state/url";
import { chosenMeasure, chosenRun, modelFace } from "../../src/state/view";

const info = (name: string, health: number | null): RunInfo =>
  ({ name, health, steps: [{ step: 1, wall_time: 1, problem: null }] }) as unknown as RunInfo;

beforeEach(() => {
  runs.value = { runs: [info("with", 299), info("without", null)] } as unknown as typeof runs.value;
  chosenRun.value = "with";
  modelFace.value = "graph";
  chosenMeasure.value = null;
  viewport.value = { width: 1440, height: 836 };
});

describe("the faces of the model", () => {
  it("are two where the run has training health, whose pane is wider and has a width of its own", () => {
    expect([hasHealth.value, modelPane.value, graphWidth.value]).toEqual([true, "graph", 246]);
    modelFace.value = "health";
    expect([modelPane.value, graphWidth.value]).toEqual(["health", 540]);
    resizePane(modelPane.value, 420);
    expect(graphWidth.value).toBe(420);
    modelFace.value = "graph";
    expect(graphWidth.value).toBe(246);
    resizePane("health", 540);
  });

  it("are one where it has none, whatever was chosen; the choice stays", () => {
    modelFace.value = "health";
    chosenRun.value = "without";
    expect([hasHealth.value, modelPane.value, graphWidth.value]).toEqual([false, "graph", 246]);
    chosenRun.value = "with";
    expect(modelPane.value).toBe("health");
  });

  it("leave room for the others in a narrow window", () => {
    modelFace.value = "health";
    viewport.value = { width: 1024, height: 700 };
    expect(graphWidth.value).toBe(410);
    viewport.value = { width: 1280, height: 700 };
    expect(graphWidth.value).toBe(1280 - 312 - 580);
  });

  it("are kept in the link, with the measure", () => {
    [modelFace.value, chosenMeasure.value] = ["health", "dead_share"];
    const fields = encode();
    expect([fields.get("model"), fields.get("measure")]).toEqual(["health", "dead_share"]);
    decode(new Map());
    expect([modelFace.value, chosenMeasure.value]).toEqual(["graph", null]);
    decode(fields);
    expect([modelFace.value, chosenMeasure.value]).toEqual(["health", "dead_share"]);
    decode(new Map([["model", "nonsense"]]));
    expect(modelFace.value).toBe("graph");
  });
});

it("the values of a measure are the rows of its place", () => {
  const known = {
    measures: ["a", "b"],
    layers: [{}, {}],
    steps: new Float64Array(3),
    values: Float32Array.from({ length: 12 }, (_, i) => i),
  } as unknown as Parameters<typeof valuesOf>[0];
  expect(Array.from(valuesOf(known, "a"))).toEqual([0, 1, 2, 3, 4, 5]);
  expect(Array.from(valuesOf(known, "b"))).toEqual([6, 7, 8, 9, 10, 11]);
});

it("a mark says when it holds", () => {
  const mark = (first: number, last: number): Parameters<typeof timeOf>[0] =>
    ({ first, last }) as Parameters<typeof timeOf>[0];
  expect(timeOf(mark(1500, 1500), 9000)).toBe("step 1,500");
  expect(timeOf(mark(150, 154), 9000)).toBe("steps 150 to 154");
  expect(timeOf(mark(150, 9000), 9000)).toBe("from step 150");
});
