import { effect } from "@preact/signals";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixtureSource } from "../../fixture/source";
import { columns, setSource, snapshot } from "../../src/state/data";
import { classOfNeuron, detailLayer, neuronName, outputLayers, sort } from "../../src/state/derived";
import { headline } from "../../src/state/headline";
import { refreshRuns } from "../../src/state/poll";
import { chosenDetailLayer, chosenLayers, chosenRows } from "../../src/state/view";

let stop: () => void;

beforeAll(async () => {
  setSource(fixtureSource());
  await refreshRuns();
  stop = effect(() => void [snapshot.value, columns.value]);
  for (let i = 0; i < 200 && !(snapshot.value.value && columns.value.value); i++)
    await new Promise((resolve) => setTimeout(resolve, 5));
});
afterAll(() => stop());

describe("output layers", () => {
  it("have the classes as neurons; other layers have numbers", () => {
    expect([...outputLayers.value]).toEqual(["head.fc2"]);
    expect(classOfNeuron("head.fc2", 3)).toBe("3");
    expect(neuronName("head.fc2", 3)).toBe("Output for 3");
    expect(neuronName("head.fc1", 9)).toBe("Neuron 9");
  });

  it("are not what the drawer opens on, unless nothing else is open", () => {
    expect(detailLayer.value).toBe("head.fc1");
    chosenLayers.value = ["head.fc2"];
    expect(detailLayer.value).toBe("head.fc2");
    chosenLayers.value = [];
    expect(detailLayer.value).toBe("head.fc1");
    chosenDetailLayer.value = "head.fc2";
    expect(detailLayer.value).toBe("head.fc2");
    chosenLayers.value = chosenDetailLayer.value = null;
  });
});

describe("the first picture", () => {
  it("has the neurons by clusters, of two rows or more", () => {
    expect(sort.value).toEqual({ by: "clustered" });
    chosenRows.value = [{ kind: "subset", name: "8" }];
    expect(sort.value).toEqual({ by: "index" });
    chosenRows.value = null;
  });

  it("says at most two things", () => {
    expect(headline.value?.length).toBeGreaterThan(0);
    expect(headline.value?.length).toBeLessThanOrEqual(2);
    expect(headline.value?.[0]?.kind).toBe("confusion");
  });
});
