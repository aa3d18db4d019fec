import { expect, it, vi } from "vitest";
import { fixtureSource } from "../../fixture/source";
import { chooseStep, pinInstance } from "../../src/state/actions";
import { currentSnapshot, runs } from "../../src/state/currentSnapshot";
import { setSource, snapshot } from "../../src/state/data";
import { neuronHistory } from "../../src/state/histories";

it("asks once for a neuron's rows, whichever step is shown, and anew when a row is an instance", async () => {
  const source = fixtureSource();
  const asked: number[] = [];
  setSource({
    ...source,
    history: async (at, _layer, rows, { statistic }) => {
      asked.push(at.step);
      const n = new Float64Array(rows.length);
      return { statistic, steps: [{ step: at.step, problem: null }], n, values: new Float32Array(rows.length) };
    },
  });
  runs.value = await source.runs(new AbortController().signal);
  const steps = runs.value.runs[0]!.steps.map(({ step }) => step);
  const stop = snapshot.subscribe(() => undefined);
  const isShown = (): void => expect(snapshot.value.query).toEqual(currentSnapshot.value);
  await vi.waitFor(isShown, 20_000);
  const layer = snapshot.value.value!.layers.at(-1)!.name;
  const history = neuronHistory(() => ({ layer, neuron: 1 }));
  const stopHistory = history.subscribe(() => undefined);
  const go = async (step: number): Promise<void> => {
    chooseStep(step);
    await vi.waitFor(isShown, 20_000);
    await vi.waitFor(() => expect(history.value.status).toBe("ready"));
  };
  await vi.waitFor(() => expect(history.value.status).toBe("ready"));
  expect(history.value.query?.rows.length).toBeGreaterThan(1);
  await go(steps[0]!);
  await go(steps[1]!);
  expect(asked).toEqual([steps.at(-1)]);
  pinInstance(3);
  await vi.waitFor(() => expect(asked).toEqual([steps.at(-1), steps[1]]));
  await go(steps[2]!);
  expect(asked).toEqual([steps.at(-1), steps[1], steps[2]]);
  stopHistory();
  stop();
}, 60_000);
