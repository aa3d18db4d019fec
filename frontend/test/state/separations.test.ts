import { effect } from "@preact/signals";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixtureSource } from "../../fixture/source";
import type { LayerSeparation, Separation } from "../../src/api/types";
import { chooseLadderFigure, compareRows, sortBy } from "../../src/state/actions";
import { apart } from "../../src/state/apart";
import { columns, layers, setSource, snapshot } from "../../src/state/data";
import { forgetAnswers } from "../../src/state/loads";
import { refreshRuns } from "../../src/state/poll";
import { ladder, pointedRung } from "../../src/state/rungs";
import { firstApart, followSeparation, pickSteps, rungsOf, separation, trend } from "../../src/state/separations";

const layer = (name: string, accuracy: number | null, error = 0.02, g: number | null = 1): LayerSeparation => ({
  name,
  n: 178,
  accuracy,
  standard_error: accuracy === null ? null : error,
  effect: g,
  neuron: g === null ? null : 3,
  group: g === null ? null : 0,
  problem: accuracy === null ? "Fewer than two groups have two instances or more." : null,
});

describe("the first layer that is as good as the best", () => {
  it("is within one standard error of it", () => {
    const known = [layer("a", 0.88), layer("b", 0.957, 0.015), layer("c", 0.966, 0.0136), layer("d", 0.961)];
    expect(firstApart(known)?.name).toBe("b");
    expect(firstApart([layer("a", 0.9, 0.1), layer("b", 0.95, 0.01)])?.name).toBe("b");
    expect(firstApart([layer("a", 0.5), layer("b", 0.5)])?.name).toBe("a");
  });

  it("is none without figures, and skips layers without one", () => {
    expect(firstApart([layer("a", null), layer("b", null)])).toBeNull();
    expect(firstApart([layer("a", null), layer("b", 0.7)])?.name).toBe("b");
    expect(firstApart([])).toBeNull();
  });
});

describe("the ladder", () => {
  const known: Separation = {
    groups: [
      { name: "8", n: 87 },
      { name: "1", n: 91 },
    ],
    folds: 5,
    layers: [layer("a", 0.45, 0.03, -0.5), layer("b", 0.75, 0.03, 2), layer("c", null), layer("d", 1, 0.01, null)],
  };

  it("has bars from chance to 1, and one bold layer once all are known", () => {
    const rungs = rungsOf(known, "accuracy", true);
    expect([...rungs.keys()]).toEqual(["a", "b", "d"]);
    expect([...rungs.values()].map(({ fraction }) => fraction)).toEqual([0, 0.5, 1]);
    expect([...rungs.values()].map(({ figure }) => figure)).toEqual(["45%", "75%", "100%"]);
    expect([...rungs.values()].map(({ bold }) => bold)).toEqual([false, false, true]);
    expect(rungs.get("a")?.label).toBe("45% right by the nearest mean, largest g −0.5");
    expect(rungs.get("d")?.label).toBe(
      "100% right by the nearest mean, the first layer within one standard error of the best",
    );
    expect([...rungsOf(known, "accuracy", false).values()].some(({ bold }) => bold)).toBe(false);
  });

  it("has bars from 0 to the largest effect; the bold layer stays", () => {
    const rungs = rungsOf(known, "effect", true);
    expect([...rungs.values()].map(({ fraction, figure, bold }) => [fraction, figure, bold])).toEqual([
      [0.25, "0.5", false],
      [1, "2.0", false],
      [0, "–", true],
    ]);
  });
});

describe("the steps of a sparkline", () => {
  it("are all, or evenly chosen ones with the first, the last and the one shown", () => {
    expect(pickSteps([1, 2, 3], 2)).toEqual([1, 2, 3]);
    const many = Array.from({ length: 300 }, (_, i) => i * 10);
    const steps = pickSteps(many, 1230);
    expect(steps.length).toBeLessThanOrEqual(24);
    expect([steps[0], steps.at(-1), steps.includes(1230)]).toEqual([0, 2990, true]);
    expect(steps).toEqual([...new Set(steps)].toSorted((a, b) => a - b));
    const gaps = steps.slice(1).map((step, i) => step - steps[i]!);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(140);
  });
});

describe("what is asked", () => {
  const heard: { step: number; rows?: unknown; layers?: string[]; limit?: number }[] = [];
  const stops: (() => void)[] = [];
  const settled = async (ready: () => boolean): Promise<void> => {
    for (let i = 0; i < 4000 && !ready(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(ready()).toBe(true);
  };

  beforeAll(async () => {
    const source = fixtureSource();
    setSource({
      ...source,
      separation: (at, question, abort) => {
        heard.push({ step: at.step, ...question });
        return source.separation(at, question, abort);
      },
    });
    await refreshRuns();
    stops.push(
      effect(() => void [snapshot.value, columns.value]),
      followSeparation(),
    );
    await settled(() => ladder.value.size > 0 && separation.value.status === "ready" && apart.value !== undefined);
  });
  afterAll(() => stops.forEach((stop) => stop()));

  it("is all classes at first, and the two that are confused most, each layer once and some at a time", () => {
    const [classes, pair] = [heard.filter(({ rows }) => !rows), heard.filter(({ rows }) => rows)];
    for (const asked of [classes, pair]) {
      expect(asked.flatMap(({ layers: names }) => names)).toEqual([...layers.value.keys()]);
      expect(Math.max(...asked.map(({ layers: names }) => names?.length ?? Infinity))).toBeLessThanOrEqual(8);
      expect(asked.every(({ limit }) => limit === 1000)).toBe(true);
    }
    const { label, prediction } = apart.value!;
    const names = snapshot.value.value!.class_names;
    expect(pair[0]?.rows).toEqual([{ subset: names[label] }, { subset: names[prediction] }]);
  });

  it("is A against B where both are set, and of the pair that is known nothing is asked again", async () => {
    const before = heard.length;
    const { label, prediction } = apart.value!;
    const [a, b] = [label, prediction].map((index) => snapshot.value.value!.class_names[index]!);
    compareRows(`s:${a}`, `s:${b}`);
    await settled(() => separation.value.query?.rows !== undefined && separation.value.status === "ready");
    expect(heard.length).toBe(before);
    expect(separation.value.value?.groups.map(({ name }) => name)).toEqual([a, b]);
    const bold = [...ladder.value].filter(([, rung]) => rung.bold).map(([name]) => name);
    expect(bold).toEqual([apart.value!.layer]);
    chooseLadderFigure("effect");
    expect(heard.length).toBe(before);
    chooseLadderFigure("accuracy");
    sortBy(null);
  });

  it("is the steps of one layer only once the pointer rests on it", async () => {
    await settled(() => separation.value.query?.rows === undefined);
    stops.push(effect(() => void trend.value));
    const box = { left: 0, top: 0, width: 1, height: 1 };
    const before = heard.length;
    const names = [...layers.value.keys()];
    for (const name of names) pointedRung.value = { layer: name, row: box, pane: box };
    pointedRung.value = null;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(heard.length).toBe(before);
    pointedRung.value = { layer: names[1]!, row: box, pane: box };
    await settled(() => trend.value.status === "ready" && trend.value.value !== null);
    const asked = heard.slice(before);
    expect(asked.map(({ step }) => step)).toEqual(trend.value.query?.steps);
    expect(asked.every(({ layers: only }) => only?.length === 1 && only[0] === names[1])).toBe(true);
    expect(trend.value.value?.at(-1)?.accuracy).toBe(
      separation.value.value?.layers.find(({ name }) => name === names[1])?.accuracy,
    );
  }, 60_000);
});

describe("without classes", () => {
  it.each(["regression", "none"] as const)("there is no ladder, and nothing is asked: %s", async (task) => {
    let asked = 0;
    const source = fixtureSource({ task });
    setSource({
      ...source,
      separation: (...question) => {
        asked++;
        return source.separation(...question);
      },
    });
    forgetAnswers();
    const stops = [effect(() => void [snapshot.value, columns.value]), followSeparation()];
    await expect.poll(() => snapshot.value.value?.task).toBe(task);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect([asked, ladder.value.size, apart.value]).toEqual([0, 0, undefined]);
    stops.forEach((stop) => stop());
  });
});
