import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { At, Source } from "../api/source";
import {
  ApiError,
  type Columns,
  type Graph,
  type InstanceDetail,
  type LayerInfo,
  type NeuronDetail,
  type Projection,
  type ProjectionMethod,
  type RowQuery,
  type Snapshot,
  type Strip,
  type SubsetDetail,
  type Table,
  type TableQuery,
  type Vocabulary,
  type Where,
} from "../api/types";
import { inThisEdition, perName, Requests, type Resource, resource } from "./loads";
import { at, compareAt, turnedOnto } from "./place";
import type { Row } from "./rowKeys";
import { rowQuery } from "./rows";
import { chosenRows, panel } from "./view";

/** Everything that is fetched, as resources. Views read these; none of them fetches. */

const source = signal<Source | null>(null);

export function setSource(next: Source): void {
  source.value = next;
}

export function currentSource(): Source {
  const now = source.peek();
  if (!now) throw new ApiError("internal", "No source of data is set: render() sets it.");
  return now;
}

export const graph = resource(
  () => (at.value ? { run: at.value.run } : null),
  new Requests(({ run }: { run: string }, abort): Promise<Graph> => currentSource().graph(run, abort), 4),
);

const snapshots = new Requests(
  async (q: At, abort): Promise<Snapshot> => withClassNames(await currentSource().snapshot(q, abort)),
  64,
);

export const snapshot = resource(() => at.value, snapshots);
export const strips: Resource<At, Strip[]> = resource(
  () => at.value,
  new Requests((q: At, abort) => currentSource().strips(q, abort), 32),
);
export const columns = resource(
  () => at.value,
  new Requests((q: At, abort): Promise<Columns> => currentSource().columns(q, abort), 16),
);

/** Classes that nobody named are called by their index, as their subsets are: "0", "1", … */
export function withClassNames(read: Snapshot): Snapshot {
  if (read.task !== "classification" || read.class_names.length > 0) return read;
  const indices = read.subsets
    .filter(({ kind, name }) => kind === "class" && /^\d+$/.test(name))
    .map(({ name }) => Number(name));
  return { ...read, class_names: Array.from({ length: Math.max(-1, ...indices) + 1 }, (_, i) => String(i)) };
}

/**
 * The place of what depends on a snapshot's rows and layers: another run's are not known before its snapshot is there.
 */
export const shownAt: ReadonlySignal<At | null> = computed(() => {
  const { query } = snapshot.value;
  return query && query.run !== at.value?.run ? query : at.value;
});

/** The layers of the snapshot that is shown, by name. */
export const layers: ReadonlySignal<Map<string, LayerInfo>> = computed(
  () => new Map((snapshot.value.value?.layers ?? []).map((layer) => [layer.name, layer])),
);

/** The rows chosen, as far as the snapshot has them, else the declared classes. */
export const rowsThere: ReadonlySignal<Row[]> = computed(() => {
  const shown = snapshot.value.value;
  if (!shown) return [];
  const names = new Set(shown.subsets.map((subset) => subset.name));
  const there = chosenRows.value?.filter((row) => {
    switch (row.kind) {
      case "subset":
        return names.has(row.name);
      case "instance":
        return row.row < shown.kept + shown.probes;
      default: // An expression that this run's columns do not allow would fail the whole matrix.
        return whereOf(row.expression).value.error?.kind !== "bad_request";
    }
  });
  return there && (there.length > 0 || chosenRows.value?.length === 0) ? there : defaultRows(shown);
});

/** What the server answers at once. */
const MOST_ROWS = 1000;

/** The rows shown: where they are too many, the last classes give way to what somebody added. */
export const rows: ReadonlySignal<Row[]> = computed(() => {
  const all = rowsThere.value;
  if (all.length <= MOST_ROWS) return all;
  const classes = new Set(snapshot.value.value?.subsets.flatMap(({ kind, name }) => (kind === "class" ? name : [])));
  const isClass = (row: Row): boolean => row.kind === "subset" && classes.has(row.name);
  let room = MOST_ROWS - all.filter((row) => !isClass(row)).length;
  return all.filter((row) => !isClass(row) || room-- > 0).slice(0, MOST_ROWS);
});

/** So many probes are rows at first. */
const MOST_PROBES = 8;

function defaultRows(shown: Snapshot): Row[] {
  const classes = shown.subsets.filter((subset) => subset.kind === "class");
  const chosen = classes.length > 0 ? classes : shown.subsets;
  const probes = Array.from(
    { length: Math.min(shown.probes, MOST_PROBES) },
    (_, i): Row => ({ kind: "instance", row: shown.kept + i }),
  );
  return [...probes, ...chosen.map(({ name }): Row => ({ kind: "subset", name }))];
}

export interface ProjectionQuery extends At {
  layer: string;
  method: ProjectionMethod;
  /** Turned onto the layout there. */
  like?: At;
}

const projections = new Requests(
  ({ layer, method, like, ...where }: ProjectionQuery, abort) => followProjection(where, layer, method, abort, like),
  64,
);

function projectionQuery(layer: string, method: ProjectionMethod): ProjectionQuery | null {
  const [here, beside] = [shownAt.value, compareAt.value];
  if (!here) return null;
  const like = turnedOnto(here, beside);
  return { ...here, layer, method, ...(like && { like }) };
}

/** How far the t-SNE of a layer is, 0 to 1, while one is computed. */
export const tsneProgress = signal<ReadonlyMap<string, number>>(new Map());
const TSNE_EVERY_MS = 500;

/** A t-SNE is started and asked for until it is done; nobody waiting any more (the abort) ends it on the server too. */
async function followProjection(
  where: At,
  layer: string,
  method: ProjectionMethod,
  abort: AbortSignal,
  like?: At,
): Promise<Projection> {
  const tell = (share: number | null): void => {
    const next = new Map(tsneProgress.peek());
    if (share === null) next.delete(layer);
    else next.set(layer, share);
    tsneProgress.value = next;
  };
  try {
    for (let start = method === "tsne"; ; ) {
      const answer = await currentSource().projection(where, layer, method, abort, like, start ? "start" : undefined);
      start = answer.state === "not_started"; // by a server that was started anew meanwhile
      if (answer.state === "done") return answer;
      if (answer.state === "cancelled") throw new ApiError("internal", "The t-SNE was cancelled elsewhere.");
      tell(answer.progress);
      // Ends at once when it is cancelled: the server is to hear of it before anybody asks for the same again.
      await new Promise((resolve) => {
        setTimeout(resolve, TSNE_EVERY_MS);
        abort.addEventListener("abort", resolve, { once: true });
      });
      abort.throwIfAborted();
    }
  } catch (error) {
    if (abort.aborted && method === "tsne")
      currentSource()
        .projection(where, layer, method, new AbortController().signal, undefined, "cancel")
        .catch(() => undefined);
    throw error;
  } finally {
    if (method === "tsne") tell(null);
  }
}

/** By the panel's own method. */
export const projectionOf = perName((layer) =>
  resource(() => projectionQuery(layer, panel(layer).method.value), projections),
);

/** What stands in while there is no other. */
export const pcaOf = perName((layer) => resource(() => projectionQuery(layer, "pca"), projections));

/**
 * The t-SNE of a layer while `wanted`, which need not be what is shown: it is computed while one looks at another
 * picture.
 */
export function tsneOf(layer: string, wanted: () => boolean): Resource<ProjectionQuery, Projection> {
  return resource(() => (wanted() ? projectionQuery(layer, "tsne") : null), projections);
}

const wheres = new Requests(
  ({ expression, ...where }: At & { expression: string }, abort): Promise<Where> =>
    currentSource().where(where, expression, abort),
  64,
);

/** The kept instances for which an expression is true; nothing is asked for an empty one. */
export const whereOf = perName((expression) =>
  resource(
    () => (shownAt.value && expression.trim() ? { ...shownAt.value, expression: expression.trim() } : null),
    wheres,
  ),
);

const tables = new Requests(
  ({ run, step, ...query }: At & TableQuery, abort): Promise<Table> =>
    currentSource().table({ run, step }, query, abort),
  64,
);

/** A table resource of a view's own: `query` reads the signals of that view. */
export function tableOf(query: () => TableQuery | null): Resource<At & TableQuery, Table> {
  return resource(() => {
    const [place, asked] = [shownAt.value, query()];
    return place && asked ? { ...place, ...asked } : null;
  }, tables);
}

const instances = new Requests(
  ({ layer, row, ...where }: At & { layer: string; row: number }, abort): Promise<InstanceDetail> =>
    currentSource().instance(where, layer, row, abort),
);
const neurons = new Requests(
  (
    { layer, neuron, rows, ...where }: At & { layer: string; neuron: number; rows: RowQuery[] },
    abort,
  ): Promise<NeuronDetail> => currentSource().neuron(where, layer, neuron, rows, abort),
);
const activationAnswers = new Requests(
  ({ layer, neuron, ...where }: At & { layer: string; neuron: number }, abort): Promise<Float32Array> =>
    currentSource().activation(where, layer, neuron, abort),
);

/** A neuron's activation on every kept instance; named "INDEX LAYER". */
export const activationOf = perName((name) =>
  resource(() => {
    const [, neuron, layer] = /^(\d+) (.*)$/s.exec(name) ?? [];
    const known = layer === undefined ? undefined : layers.value.get(layer);
    return shownAt.value && known && Number(neuron) < known.neurons
      ? { ...shownAt.value, layer: known.name, neuron: Number(neuron) }
      : null;
  }, activationAnswers),
);

const texts = new Requests(
  ({ row, ...where }: At & { row: number }, abort): Promise<string> => currentSource().text(where, row, abort),
  512,
);

/** Detail of one instance in one layer, for a subject that signals name. */
export function instanceOf(
  subject: () => { layer: string; row: number } | null,
): Resource<At & { layer: string; row: number }, InstanceDetail> {
  return resource(() => {
    const [place, asked] = [shownAt.value, subject()];
    return place && asked ? { ...place, ...asked } : null;
  }, instances);
}

/** Detail of one neuron over the rows shown. */
export function neuronOf(subject: () => { layer: string; neuron: number } | null): Resource<unknown, NeuronDetail> {
  return resource(() => {
    const [place, asked] = [shownAt.value, subject()];
    return place && asked ? { ...place, ...asked, rows: rows.value.map(rowQuery) } : null;
  }, neurons);
}

/** Content that is not an image. */
export function textOf(row: () => number | null): Resource<At & { row: number }, string> {
  return resource(() => {
    const [place, asked] = [shownAt.value, row()];
    return place && asked !== null ? { ...place, row: asked } : null;
  }, texts);
}

const sounds = new Requests(
  ({ row, ...where }: At & { row: number }, abort) => currentSource().sound(where, row, abort),
  512,
);

/** How a sound looks, by the instance's row. */
export const soundOf = perName((row) =>
  resource(() => (shownAt.value ? { ...shownAt.value, row: Number(row) } : null), sounds),
);

/** Whether instances have a picture to be known by: an image, or how their sound looks. */
export const pictured: ReadonlySignal<boolean> = computed(() =>
  ["image", "audio"].includes(snapshot.value.value?.content ?? ""),
);

/** Address of an instance's image or sound; null while there is none. */
export function contentUrl(row: number): string | null {
  const [place, { query: known, value }] = [shownAt.value, columns.value];
  // While the rows are still another run's they have no picture in this one.
  return place && pictured.value && row < (value?.count ?? Infinity) && (!known || known.run === place.run)
    ? inThisEdition(currentSource().contentUrl(place, row))
    : null;
}

const subsets = new Requests(
  ({ layer, row, ...where }: At & { layer: string; row: RowQuery }, abort): Promise<SubsetDetail> =>
    currentSource().subset(where, layer, row, abort),
  64,
);

/** A subset against the rest in one layer. */
export function subsetOf(
  subject: () => { layer: string; row: RowQuery } | null,
): Resource<At & { layer: string; row: RowQuery }, SubsetDetail> {
  return resource(() => {
    const [place, asked] = [shownAt.value, subject()];
    return place && asked ? { ...place, ...asked } : null;
  }, subsets);
}

const statistics = new Requests(
  ({ column, prefix, ...where }: At & { column?: string; prefix?: string }, abort): Promise<Vocabulary> =>
    currentSource().columnStatistics(
      where,
      { ...(column !== undefined && { column }), ...(prefix !== undefined && { prefix }) },
      abort,
    ),
  64,
);

/** What an expression can be completed with. */
export const vocabulary = resource(() => shownAt.value, statistics);

/** The most frequent values of one column that begin with a prefix. */
export function valuesOf(
  subject: () => { column: string; prefix: string } | null,
): Resource<At & { column?: string; prefix?: string }, Vocabulary> {
  return resource(() => {
    const [place, asked] = [shownAt.value, subject()];
    return place && asked ? { ...place, ...asked } : null;
  }, statistics);
}
