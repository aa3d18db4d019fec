import { effect } from "@preact/signals";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fixtureSource } from "../../fixture/source";
import { ApiError, type Matrix, type SortQuery } from "../../src/api/types";
import { chooseRun, chooseStep, sortBy } from "../../src/state/actions";
import { currentSnapshot } from "../../src/state/currentSnapshot";
import { setSource, snapshot } from "../../src/state/data";
import { openLayers } from "../../src/state/derived";
import { clustersOf, matrixOf } from "../../src/state/matrices";
import { refreshRuns } from "../../src/state/poll";
import { decode, encode } from "../../src/state/url";
import { orderStep } from "../../src/state/view";

/** What was asked: the step and the sorting. A clustered matrix starts with the neuron that its step names. */
const asked: [number, SortQuery["by"]][] = [];
const missing = new Set<number>();
const stops: (() => void)[] = [];
let layer = "";

const rotated = (step: number, neurons: number): Int32Array =>
  Int32Array.from({ length: neurons }, (_, j) => (j + step) % neurons);

beforeAll(async () => {
  const source = fixtureSource();
  const values = new Float32Array(1000);
  setSource({
    ...source,
    matrix: async (at, name, rows, sort): Promise<Matrix> => {
      if (name === layer) asked.push([at.step, sort.by]);
      if (missing.has(at.step) && sort.by === "clustered") throw new ApiError("not_found", "no such row");
      const { neurons } = snapshot.value.value!.layers.find((one) => one.name === name)!;
      return {
        count: rows.length,
        neurons,
        statistics: { mean: values.subarray(0, rows.length * neurons), std: values.subarray(0, rows.length * neurons) },
        n: new Float64Array(rows.length),
        order: rotated(sort.by === "clustered" ? at.step : 0, neurons),
        effect: null,
        quantized: null,
        scale: null,
        offset: null,
        factor: null,
        rows: rows.map(() => ({ source: "exact", n: 1, seen: 1, packed: false })),
      } as Matrix;
    },
  });
  await refreshRuns();
  stops.push(effect(() => void snapshot.value));
  await vi.waitFor(() => expect(snapshot.value.status).toBe("ready"), 20_000);
  layer = openLayers.value.at(-1)!;
  stops.push(effect(() => void [matrixOf(layer).value, clustersOf.value]));
  await shows(currentSnapshot.value!.step, currentSnapshot.value!.step);
}, 60_000);
afterAll(() => stops.forEach((stop) => stop()));

/** The matrix of a step is shown, in the order that the clusters of another have. */
async function shows(step: number, ordered: number): Promise<void> {
  await vi.waitFor(() => {
    const { status, query, value } = matrixOf(layer).value;
    expect([status, query?.step]).toEqual(["ready", step]);
    expect(value!.order).toEqual(rotated(ordered, value!.neurons));
  }, 20_000);
  expect(clustersOf.value).toBe(step === ordered ? null : ordered);
}

describe("the order of the clusters", () => {
  it("stays while other steps are shown, which are not clustered, until it is asked for anew", async () => {
    const last = currentSnapshot.value!.step;
    asked.length = 0;
    chooseStep(120);
    await shows(120, last);
    chooseStep(60);
    await shows(60, last);
    expect(asked).toEqual([
      [120, "index"],
      [60, "index"],
    ]);
    expect(encode().get("order_of")).toBe(String(last));
    sortBy({ by: "clustered" });
    await shows(60, 60);
    chooseStep(last);
    await shows(last, 60);
  });

  it("is that of a link, whose step is asked for its order alone", async () => {
    const fields = new Map(encode());
    decode(new Map());
    sortBy(null);
    fields.set("step", "80").set("order_of", "40");
    asked.length = 0;
    decode(fields);
    await shows(80, 40);
    expect(asked).toContainEqual([40, "clustered"]);
    expect(asked).not.toContainEqual([80, "clustered"]);
  });

  it("is the step's own where the other step does not have the rows", async () => {
    missing.add(160);
    const fields = new Map(encode());
    decode(fields.set("step", "100").set("order_of", "160"));
    await shows(100, 100);
  });

  it("is no matter of another run, or of another sorting", async () => {
    chooseStep(120);
    sortBy({ by: "strongest" });
    await vi.waitFor(() => expect(matrixOf(layer).value.value?.orderOf).toBeUndefined());
    expect(clustersOf.value).toBeNull();
    chooseStep(140);
    expect(orderStep.value).toBe(120);
    chooseRun("another");
    expect(orderStep.value).toBeNull();
  });
});
