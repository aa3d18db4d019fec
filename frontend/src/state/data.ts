/** Everything that is fetched from the server, as resources. Views read these; they fetch nothing themselves. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { SnapshotRef, Source } from "../api/source";
import {
  ApiError,
  type Columns,
  type Graph,
  type InstanceDetail,
  type LayerInfo,
  type NeuronDetail,
  type RowQuery,
  type Snapshot,
  type Strip,
  type SubsetDetail,
  type SubsetInfo,
  type Table,
  type TableQuery,
  type TableRow,
  type Vocabulary,
  type Where,
} from "../api/types";
import { marked } from "../layout/textWindow";
import { withClassNames } from "./classNames";
import { errorsPerClass, isByErrors, orderClasses } from "./classOrder";
import { comparedSnapshot, currentSnapshot, isThinned } from "./currentSnapshot";
import { inThisEdition, type Load, perName, Requests, type Resource, resource } from "./loads";
import type { Row } from "./rowKeys";
import { rowQuery } from "./rows";
import { chosenRows, classOrder } from "./view";

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
  () => (currentSnapshot.value ? { run: currentSnapshot.value.run } : null),
  new Requests(({ run }: { run: string }, abort): Promise<Graph> => currentSource().graph(run, abort), 4),
);

export const snapshots = new Requests(
  async (q: SnapshotRef, abort): Promise<Snapshot> => withClassNames(await currentSource().snapshot(q, abort)),
  64,
);

const snapshotLoad = resource(() => currentSnapshot.value, snapshots);
/** What the compared snapshot holds. */
export const comparedInfo = resource(() => comparedSnapshot.value, snapshots);

/** The same; null while that is still of another run. */
export const comparedHolds: ReadonlySignal<Snapshot | null> = computed(() => {
  const { query, value } = comparedInfo.value;
  return query?.run === comparedSnapshot.value?.run ? value : null;
});

/** Whether the compared snapshot recorded a layer; null until that is known. */
export function isLayerCompared(layer: string): boolean | null {
  return comparedHolds.value?.layers.some(({ name }) => name === layer) ?? null;
}
export const strips: Resource<SnapshotRef, Strip[]> = resource(
  () => currentSnapshot.value,
  new Requests((q: SnapshotRef, abort) => currentSource().strips(q, abort), 32),
);
export const columnAnswers = new Requests(
  (q: SnapshotRef, abort): Promise<Columns> => currentSource().columns(q, abort),
  16,
);
const columnsLoad = resource(() => currentSnapshot.value, columnAnswers);

/** A load that keeps the answer before while `isEarly`. */
function onTime<Q, T>(load: Resource<Q, T>, isEarly: () => boolean): Resource<Q, T> {
  let before = load.peek();
  return computed(() => {
    const now = load.value;
    before = isEarly() ? { ...before, status: "pending", error: null } : now;
    return before;
  });
}

const areOfTwoRuns = (...[a, b]: readonly Load<SnapshotRef, unknown>[]): boolean =>
  !!a?.query && !!b?.query && a.query.run !== b.query.run;

/** The snapshot shown. Another run's comes together with its instances: views that read both never see half of it. */
export const snapshot = onTime(
  snapshotLoad,
  () => areOfTwoRuns(snapshotLoad.value, columnsLoad.value) && columnsLoad.value.status === "pending",
);
/** Its instances. */
export const columns = onTime(columnsLoad, () => areOfTwoRuns(snapshot.value, columnsLoad.value));

/** Run and step for requests that depend on a snapshot's rows and layers: the run before until that of the next is loaded. */
export const shownSnapshot: ReadonlySignal<SnapshotRef | null> = computed(() => {
  const { query } = snapshot.value;
  return query && query.run !== currentSnapshot.value?.run ? query : currentSnapshot.value;
});

/** The layers of the snapshot that is shown, by name. */
export const layers: ReadonlySignal<Map<string, LayerInfo>> = computed(
  () => new Map((snapshot.value.value?.layers ?? []).map((layer) => [layer.name, layer])),
);

/** The chosen rows that the snapshot has; the declared classes if none was chosen. */
export const availableRows: ReadonlySignal<Row[]> = computed(() => {
  const shown = snapshot.value.value;
  if (!shown) return [];
  const names = new Set(shown.subsets.map((subset) => subset.name));
  const existingRows = chosenRows.value?.filter((row) => {
    switch (row.kind) {
      case "subset":
        return names.has(row.name);
      case "instance":
        return row.index < shown.sample_size + shown.pinned;
      default: // An expression that this run's columns do not allow would fail the whole matrix.
        return whereOf(row.expression).value.error?.kind !== "bad_request";
    }
  });
  return existingRows && (existingRows.length > 0 || chosenRows.value?.length === 0)
    ? existingRows
    : defaultRows(shown);
});

/** The most rows that the server answers at once. */
const MOST_ROWS = 1000;

/** The rows shown. If there are too many, the last classes are left out first. */
export const rows: ReadonlySignal<Row[]> = computed(() => {
  const all = availableRows.value;
  if (all.length <= MOST_ROWS) return all;
  const classes = new Set(snapshot.value.value?.subsets.flatMap(({ kind, name }) => (kind === "class" ? name : [])));
  const isClass = (row: Row): boolean => row.kind === "subset" && classes.has(row.name);
  let room = MOST_ROWS - all.filter((row) => !isClass(row)).length;
  return all.filter((row) => !isClass(row) || room-- > 0).slice(0, MOST_ROWS);
});

/** Number of pinned instances that are rows by default. */
const MOST_PINNED = 8;

/** The order by errors of the run shown: it stays while the step changes, so that rows keep their places. */
let keptOrder: { run: string; step: number; classes: readonly SubsetInfo[] } | null = null;
const timesOrdered = signal(0);

/** Call when the order is chosen again: it is then made by the step shown. */
export function orderClassesAnew(): void {
  keptOrder = null;
  timesOrdered.value++;
}

const areClassesByErrors = computed(() => {
  const shown = snapshot.value.value;
  return shown?.task === "classification" && isByErrors(classOrder.value, shown.class_names.length);
});

/** Whether the order of the classes is not known yet: it needs the instances. */
export const isOrderPending: ReadonlySignal<boolean> = computed(
  () => areClassesByErrors.value && columns.value.value === null && columns.value.status !== "failed",
);

/** The declared subsets that are classes, in the order of rows and blocks. */
export const orderedClasses: ReadonlySignal<readonly SubsetInfo[]> = computed(() => {
  const shown = snapshot.value.value;
  if (!shown) return [];
  const classes = shown.subsets.filter((subset) => subset.kind === "class");
  const [{ value: known, query }, run] = [columns.value, snapshot.value.query?.run ?? ""];
  void timesOrdered.value;
  if (!areClassesByErrors.value || !known || query?.run !== run) return orderClasses(classes, null);
  if (keptOrder?.run !== run || keptOrder.classes.length !== classes.length) {
    const errors = errorsPerClass(known.label, known.correct, shown.sample_size);
    const indices = new Map(shown.class_names.map((name, index) => [name, index]));
    keptOrder = {
      run,
      step: query.step,
      classes: orderClasses(classes, (name) => errors.get(indices.get(name) ?? -1) ?? 0),
    };
  }
  const now = new Map(classes.map((one) => [one.name, one]));
  return keptOrder.classes.flatMap(({ name }) => now.get(name) ?? []);
});

/** The step whose errors the classes are ordered by, where it is not the one shown. */
export const classesOrderedBy: ReadonlySignal<number | null> = computed(() => {
  const [shown, known] = [snapshot.value.query, orderedClasses.value];
  return areClassesByErrors.value && known.length > 0 && keptOrder && keptOrder.step !== shown?.step
    ? keptOrder.step
    : null;
});

function defaultRows(shown: Snapshot): Row[] {
  const classes = orderedClasses.value;
  const declared = classes.length > 0 ? classes : shown.subsets;
  const pinned = Array.from(
    { length: Math.min(shown.pinned, MOST_PINNED) },
    (_, i): Row => ({ kind: "instance", index: shown.sample_size + i }),
  );
  return [...pinned, ...declared.map(({ name }): Row => ({ kind: "subset", name }))];
}

/** Throws where a step keeps no activations of single instances, so that the server need not be asked. */
export function checkKept(where: SnapshotRef): void {
  if (isThinned(where)) throw new ApiError("thinned", `The activations of step ${where.step} were thinned.`);
}

const wheres = new Requests(
  ({ expression, ...where }: SnapshotRef & { expression: string }, abort): Promise<Where> =>
    currentSource().where(where, expression, abort),
  64,
);

/** The sampled instances that match an expression; nothing is requested for an empty one. */
export const whereOf = perName((expression) =>
  ofShown(() => (expression.trim() ? { expression: expression.trim() } : null), wheres),
);

/** Of the snapshot shown: `subject` reads the signals that name what is asked; null: nothing. */
export const ofShown = <S extends object, T>(
  subject: () => S | null,
  requests: Requests<SnapshotRef & S, T>,
): Resource<SnapshotRef & S, T> =>
  resource(() => {
    const [place, asked] = [shownSnapshot.value, subject()];
    // A view that is about to go, with the run before, asks the next one for nothing.
    const isThere = asked && (!("layer" in asked) || layers.value.has(asked.layer as string));
    return place && isThere ? { ...place, ...asked } : null;
  }, requests);

const tables = new Requests(
  ({ run, step, ...query }: SnapshotRef & TableQuery, abort): Promise<Table> =>
    currentSource().table({ run, step }, query, abort),
  64,
);

/** A table resource for a single view: `query` reads the signals of that view. */
export const tableOf = (query: () => TableQuery | null): Resource<SnapshotRef & TableQuery, Table> =>
  ofShown(query, tables);

export interface InstanceSubject {
  layer: string;
  index: number;
  /** The class that the predicted one is contrasted with; by default the instance's own. */
  against?: string;
}

export const instances = new Requests(
  async ({ layer, index, against, ...where }: SnapshotRef & InstanceSubject, abort): Promise<InstanceDetail> => {
    checkKept(where);
    return currentSource().instance(where, layer, index, abort, against);
  },
);
export type NeuronQuery = SnapshotRef & { layer: string; neuron: number; rows: RowQuery[] };

export const neurons = new Requests(
  ({ layer, neuron, rows, ...where }: NeuronQuery, abort): Promise<NeuronDetail> =>
    currentSource().neuron(where, layer, neuron, rows, abort),
);
export const activationAnswers = new Requests(
  async (
    { layer, neuron, ...where }: SnapshotRef & { layer: string; neuron: number },
    abort,
  ): Promise<Float32Array> => {
    checkKept(where);
    return currentSource().activation(where, layer, neuron, abort);
  },
);

/** The neuron of a name "INDEX LAYER". */
export function neuronNamed(name: string): { layer: string; neuron: number } {
  const [, neuron, layer = ""] = /^(\d+) (.*)$/s.exec(name) ?? [];
  return { layer, neuron: Number(neuron) };
}

/** A neuron's activation on all sampled instances, by its name. */
export const activationOf = perName((name) =>
  ofShown(() => {
    const { layer, neuron } = neuronNamed(name);
    return neuron < (layers.value.get(layer)?.neurons ?? 0) ? { layer, neuron } : null;
  }, activationAnswers),
);

const texts = new Requests(async ({ index, ...where }: SnapshotRef & { index: number }, abort): Promise<string> => {
  if (!tokensInContext.peek()) return currentSource().text(where, index, abort);
  const [row] = (await currentSource().table(where, { indices: [index], offset: 0, limit: 1 }, abort)).rows;
  return row ? contentText(row) : "";
}, 512);

/** Detail of one instance in one layer; `subject` reads the signals that name it. */
export const instanceOf = (
  subject: () => InstanceSubject | null,
): Resource<SnapshotRef & InstanceSubject, InstanceDetail> => ofShown(subject, instances);

/** Detail of one neuron over the rows shown. */
export const neuronOf = (
  subject: () => { layer: string; neuron: number } | null,
): Resource<NeuronQuery, NeuronDetail> =>
  ofShown(() => {
    const asked = subject();
    return asked && { ...asked, rows: rows.value.map(rowQuery) };
  }, neurons);

const tokensInContext = computed(() => snapshot.value.value?.unit === "position" && hasTexts.value);

/** What a line of the table has as content that is text; a token is marked in the text around it. */
export const contentText = ({ before, token, after, text }: TableRow): string =>
  tokensInContext.value ? marked(before, token, after) : typeof text === "string" ? text : "";

/** Content that is text. */
export const textOf = (index: () => number | null): Resource<SnapshotRef & { index: number }, string> =>
  ofShown(() => {
    const wanted = index();
    return wanted === null ? null : { index: wanted };
  }, texts);

/** Whether instances have thumbnails: images, or waveforms of sounds. */
export const hasPictures: ReadonlySignal<boolean> = computed(() =>
  ["image", "audio"].includes(snapshot.value.value?.content ?? ""),
);

/** Whether the instances are texts. */
export const hasTexts: ReadonlySignal<boolean> = computed(() => snapshot.value.value?.content === "text");

/** Address of an instance's image or sound; null while there is none. */
export function contentUrl(index: number): string | null {
  const [shown, { query: known, value }] = [shownSnapshot.value, columns.value];
  // Of the step whose instances are there. While these are of another run, they have no images in this one.
  const place = known ?? shown;
  return place && hasPictures.value && index < (value?.count ?? Infinity) && place.run === shown?.run
    ? inThisEdition(currentSource().contentUrl(place, index))
    : null;
}

export const subsets = new Requests(
  ({ layer, row, ...where }: SnapshotRef & { layer: string; row: RowQuery }, abort): Promise<SubsetDetail> =>
    currentSource().subset(where, layer, row, abort),
  64,
);

/** Comparison of a subset with the rest in one layer. */
export const subsetOf = (
  subject: () => { layer: string; row: RowQuery } | null,
): Resource<SnapshotRef & { layer: string; row: RowQuery }, SubsetDetail> => ofShown(subject, subsets);

const statistics = new Requests(
  ({ column, prefix, ...where }: SnapshotRef & { column?: string; prefix?: string }, abort): Promise<Vocabulary> =>
    currentSource().columnStatistics(
      where,
      { ...(column !== undefined && { column }), ...(prefix !== undefined && { prefix }) },
      abort,
    ),
  64,
);

/** Names that an expression can be completed with. */
export const vocabulary = resource(() => shownSnapshot.value, statistics);

/** The most frequent values of one column that begin with a prefix. */
export const valuesOf = (
  subject: () => { column: string; prefix: string } | null,
): Resource<SnapshotRef & { column?: string; prefix?: string }, Vocabulary> => ofShown(subject, statistics);
