import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import columnStatistics from "../../fixtures/column_statistics.json";
import depth from "../../fixtures/depth.json";
import errorExpression from "../../fixtures/error-expression.json";
import evidence from "../../fixtures/evidence.json";
import findings from "../../fixtures/findings.json";
import graph from "../../fixtures/graph.json";
import index from "../../fixtures/index.json";
import instance from "../../fixtures/instance.json";
import movement from "../../fixtures/movement.json";
import neuron from "../../fixtures/neuron.json";
import neuronPairs from "../../fixtures/neuron_pairs.json";
import overlap from "../../fixtures/overlap.json";
import runs from "../../fixtures/runs.json";
import separation from "../../fixtures/separation.json";
import snapshot from "../../fixtures/snapshot.json";
import subset from "../../fixtures/subset.json";
import table from "../../fixtures/table.json";
import { httpSource } from "../../src/api/http";
import type { SnapshotRef } from "../../src/api/source";
import {
  ApiError,
  type Depth,
  type Evidence,
  type Findings,
  type Graph,
  type InstanceDetail,
  type MatrixScaleKind,
  type Movement,
  type NeuronDetail,
  type NeuronPairs,
  type Overlap,
  type RowQuery,
  type Runs,
  type Separation,
  type Snapshot,
  type SortQuery,
  type SubsetDetail,
  type Table,
  type Vocabulary,
} from "../../src/api/types";
import { ABSENT, levelOf, Pyramid, quantise } from "../../src/draw/matrixPyramid";
import { drawnScale, matrixScale, onScale } from "../../src/draw/matrixScale";
import { withValues } from "../../src/layout/instanceMaps";

/** JSON as TypeScript infers it: no literals, and what some entries of a list lack is undefined in them. */
type Wire<T> = T extends string
  ? string
  : T extends number | boolean | null | undefined
    ? T
    : T extends readonly (infer Item)[]
      ? readonly Wire<Item>[]
      : { readonly [Key in keyof T]: Wire<T[Key]> | (string extends Key ? undefined : never) };

// Checked by tsc: what the plugin's tests recorded has the shape that the views read.
runs satisfies Wire<Runs>;
graph satisfies Wire<Graph>;
snapshot satisfies Wire<Snapshot>;
table satisfies Wire<Table>;
instance satisfies Wire<InstanceDetail>;
neuron satisfies Wire<NeuronDetail>;
overlap satisfies Wire<Overlap>;
depth satisfies Wire<Depth>;
separation satisfies Wire<Separation>;
findings satisfies Wire<Findings>;
evidence satisfies Wire<Evidence>;
movement satisfies Wire<Movement>;
neuronPairs satisfies Wire<NeuronPairs>;
subset satisfies Wire<SubsetDetail>;
columnStatistics satisfies { columns: object[]; functions: Wire<Vocabulary["functions"]> };
errorExpression satisfies { error: { kind: string; message: string; position: number | null } };

interface Question {
  route: string;
  parameters: Record<string, unknown>;
}

const QUESTIONS = index as unknown as Record<string, Question>;
const read = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url)));
type MatrixQuestion = SnapshotRef & { layer: string; rows: RowQuery[]; sort?: SortQuery; scale?: MatrixScaleKind };
const parameters = <T>(name: string): T => (QUESTIONS[name]?.parameters ?? {}) as T;
const never = new AbortController().signal;
const source = httpSource("plugin/activis/");
const requested: string[] = [];

/** Answers every request with the recorded answer `name`, and keeps what was asked. */
function answerWith(name: string, status = 200): void {
  vi.stubGlobal("fetch", (address: string) => {
    requested.push(address);
    return Promise.resolve(new Response(read(name), { status }));
  });
}

afterEach(() => {
  vi.unstubAllGlobals();
  requested.length = 0;
});

/** Asks the recorded question through the source. */
const ask = {
  runs: () => source.runs(never),
  snapshot: (p: SnapshotRef) => source.snapshot(p, never),
  strips: (p: SnapshotRef) => source.strips(p, never),
  columns: (p: SnapshotRef) => source.columns(p, never),
  where: (p: SnapshotRef & { expression: string }) => source.where(p, p.expression, never),
  matrix: ({ layer, rows, sort, scale, ...at }: MatrixQuestion) =>
    source.matrix(at, layer, rows, sort ?? { by: "index" }, "max", never, { scale }),
  projection: ({
    layer,
    method = "pca",
    row,
    ...at
  }: SnapshotRef & { layer: string; method?: "pca" | "direction"; row?: RowQuery }) =>
    source.projection(at, layer, { method, row }, never),
};

describe("recorded answers", () => {
  it("decodes where a neuron responds, and where to some instances", async () => {
    const at = { run: "baseline", step: 40 };
    answerWith("positions.safetensors");
    const where = await source.positions(at, "stem", 1, never);
    expect(where.sizes).toEqual([4, 4]);
    expect(where.strongest.map(({ known, map_sizes }) => [known, map_sizes])).toEqual(
      where.strongest.map(() => ["whole", [4, 4]]),
    );
    expect(where.values.length).toBe(where.strongest.length * 16);
    expect(where.counts.reduce((sum, count) => sum + count)).toBe(where.counted);
    const [first] = withValues(where.strongest, where.values);
    expect(first?.values.indexOf(Math.max(...(first?.values ?? [])))).toBe(first?.peak);

    answerWith("instance_maps.safetensors");
    const some = await source.instanceMaps(at, "stem", 1, { indices: [4, 0, 9] }, never);
    expect(some.maps.map(({ index }) => index)).toEqual([4, 0, 9]);
    expect(some.scale).toEqual(where.scale);
    for (const map of withValues(some.maps, some.values))
      expect(map.values.length).toBe(map.known === "whole" ? 16 : 0);
  });

  it("are of every route that the source asks", () => {
    const routes = new Set(Object.values(QUESTIONS).map(({ route }) => route));
    for (const route of [
      "runs",
      "graph",
      "snapshot",
      "strips",
      "matrix",
      "projection",
      "columns",
      "where",
      "table",
      "instance",
      "neuron",
      "subset",
      "column_statistics",
      "facets",
    ]) {
      expect(routes).toContain(route);
    }
  });

  it("agree with each other on instances, layers and neurons", async () => {
    answerWith("snapshot.json");
    const shown = await ask.snapshot(parameters("snapshot.json"));
    answerWith("columns.safetensors");
    const columns = await ask.columns(parameters("columns.safetensors"));
    expect(columns.count).toBe(shown.sample_size);
    expect(
      [columns.ids, columns.label, columns.prediction, columns.score, columns.loss, columns.label_score].map(
        (c) => c.length,
      ),
    ).toEqual(Array.from({ length: 6 }, () => shown.sample_size));
    expect(Math.max(...columns.label)).toBe(shown.class_names.length - 1);
    answerWith("strips.safetensors");
    const strips = await ask.strips(parameters("strips.safetensors"));
    expect(strips.map(({ mean, state }) => [mean.length, state.length])).toEqual(
      shown.layers.map(({ neurons }) => [neurons, neurons]),
    );
    answerWith("runs.json");
    const { runs: there } = await ask.runs();
    expect(there.find(({ name }) => name === shown.run)?.steps.map(({ step }) => step)).toContain(shown.step);
    const keys = new Set(graph.nodes.map(({ key }) => key));
    for (const { name } of shown.layers) expect(keys).toContain(name);
  });

  it.each(["matrix.safetensors", "matrix-difference.safetensors"])(
    "%s has statistics for every row and neuron",
    async (name) => {
      answerWith(name);
      const question = parameters<MatrixQuestion>(name);
      const matrix = await ask.matrix(question);
      const cells = matrix.count * matrix.neurons;
      expect(matrix.count).toBe(question.rows.length);
      expect(["mean", "std", "max", "active"].map((name) => matrix.statistics[name]?.length)).toEqual([
        cells,
        cells,
        cells,
        cells,
      ]);
      expect(Array.from(matrix.order).sort((a, b) => a - b)).toEqual(
        Array.from({ length: matrix.neurons }, (_, i) => i),
      );
      expect(matrix.rows.map(({ n }) => n)).toEqual(Array.from(matrix.n));
      expect(matrix.rows.map((row) => row.source)).toEqual(["exact", "exact", "exact", "exact", "sample", "instance"]);
      if (name !== "matrix-difference.safetensors") return expect(matrix.effect).toBeNull();
      const inOrder = Array.from(matrix.order, (neuron) => matrix.effect?.[neuron] ?? NaN);
      expect(inOrder).toEqual(inOrder.toSorted((a, b) => b - a));
    },
  );

  it.each(["z", "unit", "raw"] as const)("matrix-%s has the colours that its numbers have", async (kind) => {
    answerWith("matrix.safetensors");
    const numbers = await ask.matrix(parameters("matrix.safetensors"));
    const mean = numbers.statistics.mean!;
    answerWith(`matrix-${kind}.safetensors`);
    const {
      quantized: cells,
      scale,
      neurons,
      count,
      statistics,
    } = await ask.matrix(parameters(`matrix-${kind}.safetensors`));
    if (!cells || !scale) return expect.fail("no cells");
    expect([count, neurons, cells.length, statistics]).toEqual([numbers.count, numbers.neurons, mean.length, {}]);
    const signed = snapshot.layers.find(({ name }) => name === "stem")?.signed ?? false;
    const own = matrixScale({ values: mean, neurons, count, kind, reference: [0, 1, 2, 3, 4], signed });
    const { end, above, below, missing, allZero } = own;
    expect(scale).toMatchObject({ kind, signed: own.signed, above, below, missing, all_zero: allZero });
    expect(scale.end).toBeCloseTo(end, 6);
    const levels = Array.from(mean, (value, i) => quantise(onScale(own, value, i % neurons) / end));
    const farthest = Math.max(...Array.from(cells, (byte, i) => Math.abs(levelOf(byte, scale.signed) - levels[i]!)));
    expect(farthest).toBeLessThanOrEqual(1);
    expect(new Set(levels).size).toBeGreaterThan(5);
  });

  it("some rows of a matrix have the colours that they have among all", async () => {
    answerWith("matrix-z.safetensors");
    const all = await ask.matrix(parameters("matrix-z.safetensors"));
    answerWith("matrix-drawn.safetensors");
    const some = await ask.matrix(parameters("matrix-drawn.safetensors"));
    expect([...some.drawn!]).toEqual([5, 0, 2]);
    expect([some.count, some.neurons, some.scale]).toEqual([all.count, all.neurons, all.scale]);
    expect([all.drawn, some.n, some.order]).toEqual([undefined, all.n, all.order]);
    const scale = drawnScale(all.scale!, all.count * all.neurons, all.offset, all.factor);
    const [whole, part] = [all, some].map(
      ({ quantized, order, drawn }) => new Pyramid(quantized!, order, scale, drawn),
    ) as [Pyramid, Pyramid];
    for (let row = 0; row < all.count; row++)
      for (let place = 0; place < all.neurons; place++)
        expect(part.peak(row, place, place + 1)).toBe(
          [5, 0, 2].includes(row) ? whole.peak(row, place, place + 1) : ABSENT,
        );
    expect(whole.peak(5, 0, all.neurons)).not.toBe(whole.peak(0, 0, all.neurons));
  });

  it("places and finds instances", async () => {
    answerWith("projection-direction.safetensors");
    const directed = await ask.projection(parameters("projection-direction.safetensors"));
    expect(directed.direction!.length).toBeGreaterThan(0);
    expect(directed.direction!.n).toBeLessThan(directed.xy.length / 2);
    answerWith("projection.safetensors");
    const { xy, explained } = await ask.projection(parameters("projection.safetensors"));
    expect(xy).toHaveLength(2 * snapshot.sample_size);
    expect(explained).toHaveLength(2);
    answerWith("where.safetensors");
    const answer = await ask.where(parameters("where.safetensors"));
    expect(answer.sample_size).toBe(snapshot.sample_size);
    expect(answer.indices).toHaveLength(answer.count);
  });

  it("of failures carry their kind, message and place", async () => {
    answerWith("error-expression.json", 400);
    const error = await ask.where(parameters("error-expression.json")).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ kind: "bad_request", position: 0 });
    answerWith("error-layer.json", 404);
    await expect(ask.projection(parameters("error-layer.json"))).rejects.toMatchObject({ kind: "not_found" });
  });
});

describe("questions", () => {
  it("are what the plugin's tests ask", async () => {
    answerWith("matrix-difference.safetensors");
    const recorded = parameters<MatrixQuestion>("matrix-difference.safetensors");
    await ask.matrix(recorded);
    const [path, query] = (requested[0] ?? "").split("?");
    expect(path).toBe("plugin/activis/matrix");
    const { statistics, ...sent } = Object.fromEntries(new URLSearchParams(query));
    expect(statistics).toBe('["max"]');
    expect({
      ...sent,
      step: Number(sent.step),
      rows: JSON.parse(sent.rows ?? ""),
      sort: JSON.parse(sent.sort ?? ""),
    }).toEqual(recorded);
  });

  it("that are too long for an address are posted", async () => {
    const calls: [string, RequestInit][] = [];
    vi.stubGlobal("fetch", (address: string, options: RequestInit) => {
      calls.push([address, options]);
      return Promise.resolve(new Response(read("where.safetensors")));
    });
    const expression = `id in [${Array.from({ length: 900 }, (_, i) => i).join(", ")}]`;
    await source.where({ run: "a", step: 1 }, expression, never);
    expect(calls[0]?.[0]).toBe("plugin/activis/where");
    expect(JSON.parse(String(calls[0]?.[1].body))).toEqual({ run: "a", step: 1, expression });
  });
});
