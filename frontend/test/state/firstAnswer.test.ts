import { effect } from "@preact/signals";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixtureSource } from "../../fixture/source";
import type { Matrix } from "../../src/api/types";
import { addExpressionRow } from "../../src/state/actions";
import { rows, setSource, snapshot } from "../../src/state/data";
import { matrixOf } from "../../src/state/matrices";
import { refreshRuns } from "../../src/state/poll";

const settled = async (ready: () => boolean): Promise<void> => {
  for (let i = 0; i < 200 && !ready(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(ready()).toBe(true);
};

/** The prefixes that matrices were asked from, in order. */
const prefixes: (number | undefined)[] = [];
let exact: (() => void) | undefined;
let layer = "";
const stops: (() => void)[] = [];

beforeAll(async () => {
  const source = fixtureSource();
  setSource({
    ...source,
    snapshot: async (at, abort) => ({ ...(await source.snapshot(at, abort)), sample_size: 1_000_000, seen: 1_000_000 }),
    matrix: async (at, name, rowQueries, sort, statistic, abort, part) => {
      const prefix = part?.prefix;
      prefixes.push(prefix);
      const answer = await source.matrix(at, name, rowQueries, sort, statistic, abort);
      if (prefix === undefined && rowQueries.some((row) => "expression" in row))
        await new Promise<void>((resolve) => {
          exact = resolve;
        });
      return answer;
    },
  });
  await refreshRuns();
  stops.push(effect(() => void [rows.value, snapshot.value]));
  await settled(() => snapshot.value.status === "ready");
  layer = snapshot.value.value?.layers[0]?.name ?? "";
  stops.push(effect(() => void matrixOf(layer).value));
});
afterAll(() => stops.forEach((stop) => stop()));

describe("a matrix of a million instances", () => {
  it("is exact at once where all rows were declared", async () => {
    await settled(() => matrixOf(layer).value.status === "ready");
    expect(prefixes).toEqual([undefined]);
  });

  it("is shown from the first instances while an expression is computed over all", async () => {
    prefixes.length = 0;
    const declared: Matrix | null = matrixOf(layer).peek().value;
    addExpressionRow("score < 0.5");
    await settled(() => prefixes.length === 2);
    expect(prefixes).toEqual([16_384, undefined]);
    expect(matrixOf(layer).value.status).toBe("pending");
    expect(matrixOf(layer).value.query?.rows.at(-1)).toEqual({ expression: "score < 0.5" });
    expect(matrixOf(layer).value.value).not.toBe(declared);
    await settled(() => exact !== undefined);
    exact?.();
    await settled(() => matrixOf(layer).value.status === "ready");
  });

  it("is first from half as many instances with more than four expressions", async () => {
    prefixes.length = 0;
    for (const end of [2, 3, 4, 6]) addExpressionRow(`score < 0.${end}`);
    await settled(() => prefixes.at(-1) === undefined && prefixes.includes(8_192));
    expect(prefixes.slice(-2)).toEqual([8_192, undefined]);
    exact?.();
  });
});
