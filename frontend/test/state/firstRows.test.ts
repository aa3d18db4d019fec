import { effect } from "@preact/signals";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { fixtureSource } from "../../fixture/source";
import type { MatrixPart } from "../../src/api/source";
import type { Matrix, Snapshot, SortQuery } from "../../src/api/types";
import { addRow, chooseCompare, sortBy } from "../../src/state/actions";
import { rows, setSource, snapshot } from "../../src/state/data";
import { forgetAnswers } from "../../src/state/loads";
import { FIRST_ROWS, matrixOf } from "../../src/state/matrices";
import { refreshRuns } from "../../src/state/poll";
import { panel } from "../../src/state/view";

const [CLASSES, NEURONS] = [400, 800];
let layer = "";
/** What was asked of a layer of many cells. */
const asked: { sort: SortQuery["by"]; part: MatrixPart | undefined }[] = [];
const stops: (() => void)[] = [];

beforeAll(async () => {
  const source = fixtureSource();
  setSource({
    ...source,
    snapshot: async (at, abort): Promise<Snapshot> => {
      const made = await source.snapshot(at, abort);
      const [one] = made.subsets.filter(({ kind }) => kind === "class");
      return {
        ...made,
        subsets: Array.from({ length: CLASSES }, (_, i) => ({ ...one!, name: `class ${i}` })),
        layers: made.layers.map((info) => ({ ...info, neurons: NEURONS })),
      };
    },
    matrix: async (_, name, shown, sort, statistic, __, part): Promise<Matrix> => {
      if (name === layer) asked.push({ sort: sort.by, part });
      const sent = part?.drawn?.length ?? shown.length;
      return {
        count: shown.length,
        neurons: NEURONS,
        statistics: part?.scale ? {} : { [statistic]: new Float32Array(shown.length * NEURONS) },
        n: new Float64Array(shown.length),
        // A clustered matrix begins with neuron 7.
        order: Int32Array.from({ length: NEURONS }, (_, j) => (j + (sort.by === "clustered" ? 7 : 0)) % NEURONS),
        effect: null,
        quantized: part?.scale ? new Uint8Array(sent * NEURONS) : null,
        drawn: part?.drawn && Int32Array.from(part.drawn),
        scale: null,
        offset: null,
        factor: null,
        rows: shown.map(() => ({ source: "exact", n: 1, seen: 1, packed: false })),
      };
    },
  });
  await refreshRuns();
  stops.push(effect(() => void [rows.value, snapshot.value]));
  await vi.waitFor(() => expect(snapshot.value.status).toBe("ready"));
  layer = snapshot.value.value?.layers[0]?.name ?? "";
  stops.push(effect(() => void matrixOf(layer).value));
  await ready();
});
afterAll(() => stops.forEach((stop) => stop()));
beforeEach(() => {
  asked.length = 0;
});

async function ready(): Promise<Matrix> {
  await vi.waitFor(() => expect(matrixOf(layer).value.status).toBe("ready"), 5000);
  return matrixOf(layer).value.value!;
}

/** Scrolls, and waits until there is an answer of as many rows. */
async function scrolled(is: boolean): Promise<Matrix> {
  panel(layer).scrolled.value = is;
  await vi.waitFor(async () => expect((await ready()).drawn === undefined).toBe(is), 5000);
  return ready();
}

describe("a matrix of many rows and neurons", () => {
  it("has at first the rows that are seen, and the others once somebody scrolls", async () => {
    const first = await ready();
    expect(first.count).toBe(rows.value.length);
    expect([...first.drawn!]).toEqual(Array.from({ length: FIRST_ROWS }, (_, i) => i));
    await scrolled(true);
    expect(asked).toEqual([{ sort: "index", part: expect.objectContaining({ scale: "z", drawn: undefined }) }]);
    await scrolled(false);
    await scrolled(true);
    // Both answers were there already.
    expect(asked).toHaveLength(1);
    await scrolled(false);
  });

  it("has the first rows of sets beside those of single instances, wherever they stand", async () => {
    addRow({ kind: "instance", index: 3 });
    await vi.waitFor(() => expect(rows.value.some(({ kind }) => kind === "instance")).toBe(true));
    const at = rows.value.findIndex(({ kind }) => kind === "instance");
    await vi.waitFor(async () => expect((await ready()).drawn).toHaveLength(FIRST_ROWS + 1), 5000);
    const sets = rows.value.flatMap(({ kind }, i) => (kind === "instance" ? [] : [i])).slice(0, FIRST_ROWS);
    expect([...(await ready()).drawn!]).toEqual([...sets, at].sort((a, b) => a - b));
  });

  it("is not clustered again for its other rows, but is where the run was written anew", async () => {
    sortBy({ by: "clustered" });
    forgetAnswers();
    await vi.waitFor(() => expect(asked.map(({ sort }) => sort)).toEqual(["clustered"]), 5000);
    expect((await ready()).order[0]).toBe(7);
    expect((await scrolled(true)).order[0]).toBe(7);
    expect(asked.map(({ sort }) => sort)).toEqual(["clustered", "index"]);
    expect(matrixOf(layer).value.value?.orderOf).toBeUndefined();
    forgetAnswers();
    await vi.waitFor(() => expect(asked.map(({ sort }) => sort)).toEqual(["clustered", "index", "clustered"]), 5000);
    await ready();
  });

  it("comes whole, in numbers, where it is compared", async () => {
    await scrolled(false);
    asked.length = 0;
    const { run, step } = snapshot.value.query!;
    chooseCompare({ run, step: step === 0 ? 1 : 0 });
    await vi.waitFor(async () => expect((await ready()).quantized).toBeNull(), 5000);
    expect(asked.every(({ part }) => part?.scale === undefined && part?.drawn === undefined)).toBe(true);
  });
});
