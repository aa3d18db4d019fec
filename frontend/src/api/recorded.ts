/** The data source of an export: answers that were recorded, and what can be computed from them (`recordedRows.ts`). */

import { decode, decodeColumns, decodeProjection, decodeStrips } from "./decode";
import { type Manifest, notHere, type Pack, type Packs } from "./packs";
import { recordedFacets } from "./recordedFacets";
import { recordedHistory, recordedMatrix } from "./recordedMatrix";
import { type Members, members, type RecordedLayer, readLayer } from "./recordedRows";
import { csvOf, pageOf } from "./recordedTable";
import { withInfinities } from "./recordedValues";
import type { SnapshotRef, Source } from "./source";
import type {
  Attention,
  Columns,
  Concept,
  Depth,
  DepthHistory,
  Evidence,
  Facets,
  Findings,
  Graph,
  InstanceDetail,
  Movement,
  NeuronDetail,
  NeuronPairs,
  NeuronPositions,
  RowEffects,
  RowQuery,
  Runs,
  Separation,
  Snapshot,
  SubsetDetail,
  Table,
  TableRow,
  TrainingHealth,
  Vocabulary,
} from "./types";
import { peaksOf } from "./wav";

/** As `tensorboard_activis/export/recording.py` divides them. */
const [NEURONS, INSTANCES, TEXTS] = [32, 50, 200];

const text = (buffer: ArrayBuffer): string => new TextDecoder().decode(buffer);
const json = <T>(pack: Pack, key: string): T => JSON.parse(text(pack.get(key))) as T;

/** Whether an expression may ask for the activations of a layer. */
const mentionedIn =
  (expression: string) =>
  ({ name }: { name: string }): boolean =>
    expression.includes("neuron(") && expression.includes(name);

/** The answers that are recorded in these packs. */
export function recordedSource(made: Manifest, packs: Packs): Source {
  const runs: Runs = { logdir: "", runs: [made.run], other_runs: [], docs: false };
  const of = ({ step }: SnapshotRef): Promise<Pack> => packs(`step/${step}`);
  const named = (kind: string, { step }: SnapshotRef, layer: string, ...more: unknown[]): Promise<Pack> =>
    packs([kind, step, made.layers.indexOf(layer), ...more].join("/"));
  const once = <K, T>(make: (key: K) => Promise<T>): ((key: K) => Promise<T>) => {
    const known = new Map<K, Promise<T>>();
    return (key) => {
      const found = known.get(key) ?? make(key);
      known.set(key, found);
      found.catch(() => known.delete(key));
      return found;
    };
  };
  const snapshots = once(async (step: number): Promise<Snapshot> => {
    const snapshot = json<Snapshot>(await of({ run: "", step }), "snapshot");
    return { ...snapshot, run: made.name };
  });
  const columns = once(
    async (step: number): Promise<Columns> => decodeColumns((await of({ run: "", step })).get("columns")),
  );
  const tables = once(
    async (step: number): Promise<TableRow[]> => json<Table>(await of({ run: "", step }), "table").rows,
  );
  const exact = once(async (step: number) => withInfinities(await tables(step), await columns(step)));
  const layers = once(async (key: string): Promise<RecordedLayer> => {
    const [step, layer] = JSON.parse(key) as [number, string];
    return readLayer(await named("layer", { run: "", step }, layer), await snapshots(step), layer);
  });
  const layerOf = ({ step }: SnapshotRef, layer: string): Promise<RecordedLayer> =>
    layers(JSON.stringify([step, layer]));
  /** Which kept instances are in rows. */
  const membersOf = async (at: SnapshotRef, rows: readonly RowQuery[]): Promise<Members[]> => {
    const [pack, snapshot, known] = [await of(at), await snapshots(at.step), await columns(at.step)];
    const table = await exact(at.step);
    const used = rows.flatMap((row) =>
      "expression" in row ? snapshot.layers.filter(mentionedIn(row.expression)) : [],
    );
    const loaded = new Map(await Promise.all(used.map(async ({ name }) => [name, await layerOf(at, name)] as const)));
    return rows.map((row) =>
      members(row, pack, snapshot, known, table, (layer, neuron) => {
        const there = loaded.get(layer);
        if (!there || !(neuron < there.neurons)) throw notHere();
        return Array.from(there.activation(neuron), (value) => (Number.isNaN(value) ? null : value));
      }),
    );
  };
  /** Rows of another snapshot as rows of this one: single instances by their ids. */
  const translated = async (at: SnapshotRef, rows: RowQuery[], of?: SnapshotRef): Promise<RowQuery[]> => {
    if (!of || of.step === at.step) return rows;
    const [here, there] = [await columns(at.step), await columns(of.step)];
    return rows.map((row) => ("instance" in row ? { instance: here.ids.indexOf(there.ids[row.instance] ?? "") } : row));
  };

  return {
    docs: "",
    runs: async () => runs,
    graph: async () => json<Graph>(await packs("run"), "graph"),
    health: async () => decode<TrainingHealth>((await packs("run")).get("health"), "TrainingHealth"),
    snapshot: ({ step }) => snapshots(step),
    strips: async (at) => decodeStrips((await of(at)).get("strips")),
    columns: ({ step }) => columns(step),
    matrix: async (at, layer, rows, sort, statistic, _, part) => {
      const here = await translated(at, rows, part?.rows_of);
      const [known, sets] = [await layerOf(at, layer), await membersOf(at, here)];
      const effect = sort.by === "effect" && here[sort.a];
      const effects = effect
        ? decode<RowEffects>((await named("layer", at, layer)).get(`effects ${JSON.stringify(effect)}`), "RowEffects")
            .effect
        : null;
      return recordedMatrix(known, here, sets, sort, statistic, part?.window, effects);
    },
    history: async (at, layer, rows, { neuron, statistic }) => {
      const steps = made.run.steps.map(({ step }) => step);
      const each = steps.map(async (step) => {
        const [there, here] = [{ run: at.run, step }, await translated({ run: at.run, step }, rows, at)];
        return recordedMatrix(
          await layerOf(there, layer),
          here,
          await membersOf(there, here),
          { by: "index" },
          statistic,
        );
      });
      const shown = steps.indexOf(at.step);
      return recordedHistory(steps, await Promise.allSettled(each), rows.length, statistic, neuron, shown);
    },
    activation: async (at, layer, neuron) => (await layerOf(at, layer)).activation(neuron),
    projection: async (at, layer, { method, row }) =>
      decodeProjection(
        row
          ? (await named("concepts", at, layer)).get(`direction ${JSON.stringify(row)}`)
          : (await named("layer", at, layer)).get(method),
      ),
    where: async (at, expression) => {
      const [{ inside }] = (await membersOf(at, [{ expression }])) as [Members];
      const { sample_size } = await snapshots(at.step);
      return { indices: inside, count: inside.filter((index) => index < sample_size).length, sample_size };
    },
    table: async (at, query) => {
      const [rows, snapshot] = [await tables(at.step), await snapshots(at.step)];
      const [chosen] = query.expression ? await membersOf(at, [{ expression: query.expression }]) : [];
      return pageOf(rows, await exact(at.step), snapshot, query, chosen?.inside);
    },
    csv: async (at, query) => {
      const [rows, snapshot] = [await tables(at.step), await snapshots(at.step)];
      const [chosen] = query.expression ? await membersOf(at, [{ expression: query.expression }]) : [];
      const whole = { ...query, offset: 0, limit: rows.length };
      const page = pageOf(rows, await exact(at.step), snapshot, whole, chosen?.inside);
      return new Blob([csvOf(page.rows, snapshot)], { type: "text/csv" });
    },
    instance: async (at, layer, index, _, against) => {
      if (against !== undefined) throw notHere();
      return json<InstanceDetail>(await named("instances", at, layer, Math.floor(index / INSTANCES)), String(index));
    },
    depth: async ({ step }, index) =>
      json<Depth>(await packs(`depth/${step}/${Math.floor(index / INSTANCES)}`), String(index)),
    depthHistory: async (at) => decode<DepthHistory>((await of(at)).get("depth_history"), "DepthHistory"),
    neuron: async (at, layer, neuron, rows) => {
      const pack = await named("neurons", at, layer, Math.floor(neuron / NEURONS));
      const [known, sets] = [await layerOf(at, layer), await membersOf(at, rows)];
      const detail = json<NeuronDetail>(pack, String(neuron));
      return { ...detail, rows: sets.map(({ counted }) => known.histogram(neuron, detail.edges, counted)) };
    },
    positions: async (at, layer, neuron) =>
      decode<NeuronPositions>(
        (await named("neurons", at, layer, Math.floor(neuron / NEURONS))).get(`positions ${neuron}`),
        "NeuronPositions",
      ),
    instanceMaps: async () => {
      throw notHere();
    },
    attention: async (at, layer, head, index) =>
      decode<Attention>(
        (await named("neurons", at, layer, Math.floor(head / NEURONS))).get(
          `attention ${head}${index === undefined ? "" : ` ${index}`}`,
        ),
        "Attention",
      ),
    effects: async (at, layer, row) =>
      decode<RowEffects>((await named("layer", at, layer)).get(`effects ${JSON.stringify(row)}`), "RowEffects"),
    concept: async (at, layer, row) =>
      decode<Concept>((await named("concepts", at, layer)).get(`concept ${JSON.stringify(row)}`), "Concept"),
    subset: async (at, layer, row) =>
      json<SubsetDetail>(await named("layer", at, layer), `subset ${JSON.stringify(row)}`),
    overlap: async (at, row, rows) => {
      const [own, ...others] = await membersOf(at, [row, ...rows]);
      const mine = new Set(own?.counted);
      return {
        n: mine.size,
        rows: others.map(({ counted }) => {
          const shared = counted.filter((index) => mine.has(index)).length;
          const either = mine.size + counted.length - shared;
          return { n: counted.length, shared, jaccard: either ? shared / either : null };
        }),
      };
    },
    separation: async (at, { rows, layers: wanted }) => {
      const pack = await of(at);
      const [both, turned] = [rows, rows?.toReversed()].map((pair) => pair && `separation ${JSON.stringify(pair)}`);
      const key = [both, turned].find((one) => one !== undefined && pack.has(one)) ?? both ?? "separation";
      const known = json<Separation>(pack, key);
      return { ...known, layers: known.layers.filter(({ name }) => !wanted || wanted.includes(name)) };
    },
    movement: async (at, other) => json<Movement>(await of(at), `movement ${other.step}`),
    neuronPairs: async (at, other, layer) => json<NeuronPairs>(await named("pairs", at, layer), String(other.step)),
    findings: async (at) => json<Findings>(await of(at), "findings"),
    evidence: async (at, { kind, subset, layer, target }) =>
      json<Evidence>(await of(at), `evidence ${JSON.stringify({ kind, subset, layer, target })}`),
    columnStatistics: async (at, { column, prefix }) => {
      const known = json<Vocabulary>(await of(at), "column_statistics");
      if (column === undefined) return known;
      const begin = (prefix ?? "").toLowerCase();
      const own = known.columns.filter(({ name }) => name === column);
      return {
        ...known,
        columns: own.map((one) =>
          "distinct" in one
            ? { ...one, values: one.values.filter(({ value }) => String(value).toLowerCase().startsWith(begin)) }
            : one,
        ),
      };
    },
    facets: async (at, query) => {
      const known = json<Facets>(await of(at), "facets");
      const [chosen] = query.expression ? await membersOf(at, [{ expression: query.expression }]) : [];
      return recordedFacets(known, query, await exact(at.step), chosen?.counted);
    },
    contentUrl: ({ step }, index) => made.contents[step]?.[index] || "data:,",
    sound: async ({ step }, index) =>
      peaksOf((await packs(`content/${step}/${Math.floor(index / TEXTS)}`)).get(String(index))),
    text: async ({ step }, index) =>
      text((await packs(`content/${step}/${Math.floor(index / TEXTS)}`)).get(String(index))),
  };
}
