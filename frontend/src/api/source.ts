/** The interface of a data source; the plugin's HTTP routes implement it, and the made-up data does. */

import type {
  Attention,
  Columns,
  Concept,
  Depth,
  DepthHistory,
  Evidence,
  Facets,
  FindingKind,
  Findings,
  Graph,
  History,
  InstanceDetail,
  InstanceMaps,
  JobAction,
  Matrix,
  MatrixScaleKind,
  Movement,
  NeuronDetail,
  NeuronPairs,
  NeuronPositions,
  Overlap,
  Projection,
  ProjectionMethod,
  RowEffects,
  RowQuery,
  Runs,
  Separation,
  Snapshot,
  SortQuery,
  Strip,
  SubsetDetail,
  Table,
  TableQuery,
  TrainingHealth,
  Vocabulary,
  Where,
} from "./types";

/** `search` keeps of values those that contain it. */
export interface FacetQuery {
  expression?: string;
  columns?: readonly string[];
  search?: string;
}

/** The fields of a finding that its figures are of. */
export interface EvidenceQuery {
  kind: FindingKind;
  subset?: string | undefined;
  layer?: string | undefined;
  target?: string | undefined;
}

/** One snapshot: a run at a step. */
export interface SnapshotRef {
  run: string;
  step: number;
}

/**
 * `prefix`: computed from that many first instances only, and marked so; `scale`: colour levels on that scale instead
 * of numbers; `drawn`: of the rows at these positions; `window`: only these neurons, in index order; `rows_of`: the
 * rows are those of that snapshot, with its instances matched by id.
 */
export interface MatrixPart {
  prefix?: number | undefined;
  scale?: MatrixScaleKind | undefined;
  drawn?: number[] | undefined;
  window?: [number, number] | undefined;
  rows_of?: SnapshotRef | undefined;
}

/** `neuron`: of this one only; `most`: at no more steps than these, spread over the run. */
export interface HistoryPart {
  neuron?: number | undefined;
  statistic: string;
  most: number;
}

/**
 * Where answers come from: the plugin's routes (`http.ts`) or made-up data (`fixture/source.ts`). All methods throw
 * ApiError.
 */
export interface Source {
  /** Where the pages of the documentation are, if the list of runs says that they are there. */
  docs: string;
  runs(signal: AbortSignal): Promise<Runs>;
  graph(run: string, signal: AbortSignal): Promise<Graph>;
  snapshot(at: SnapshotRef, signal: AbortSignal): Promise<Snapshot>;
  /** By the layer's index in the snapshot. */
  strips(at: SnapshotRef, signal: AbortSignal): Promise<Strip[]>;
  matrix(
    at: SnapshotRef,
    layer: string,
    rows: RowQuery[],
    sort: SortQuery,
    /** Name of one that the snapshot lists. */
    statistic: string,
    signal: AbortSignal,
    part?: MatrixPart,
  ): Promise<Matrix>;
  /**
   * `row`: of the method "direction". A t-SNE runs in the background once started: poll until it is done. `like`:
   * aligned with the layout of that snapshot.
   */
  projection(
    at: SnapshotRef,
    layer: string,
    by: { method: ProjectionMethod; row?: RowQuery },
    signal: AbortSignal,
    like?: SnapshotRef,
    action?: JobAction,
  ): Promise<Projection>;
  /** One neuron's activations on all sampled instances. */
  activation(at: SnapshotRef, layer: string, neuron: number, signal: AbortSignal): Promise<Float32Array>;
  columns(at: SnapshotRef, signal: AbortSignal): Promise<Columns>;
  where(at: SnapshotRef, expression: string, signal: AbortSignal): Promise<Where>;
  table(at: SnapshotRef, query: TableQuery, signal: AbortSignal): Promise<Table>;
  /** All instances that match the query of `table`, as a file. */
  csv(at: SnapshotRef, query: Omit<TableQuery, "offset" | "limit">, signal: AbortSignal): Promise<Blob>;
  /** `against`: the class that the predicted one is contrasted with in place of the instance's own. */
  instance(
    at: SnapshotRef,
    layer: string,
    index: number,
    signal: AbortSignal,
    against?: string,
  ): Promise<InstanceDetail>;
  /** What the model's last norm and head read after each block of an instance. */
  depth(at: SnapshotRef, index: number, signal: AbortSignal): Promise<Depth>;
  /** How often that is right, over the steps of the run. */
  depthHistory(at: SnapshotRef, signal: AbortSignal): Promise<DepthHistory>;
  /** What was measured of layers during training, in at most so many columns. */
  health(run: string, columns: number, signal: AbortSignal): Promise<TrainingHealth>;
  neuron(at: SnapshotRef, layer: string, neuron: number, rows: RowQuery[], signal: AbortSignal): Promise<NeuronDetail>;
  /** Where in the input a neuron responds: its strongest instances with their maps. */
  positions(at: SnapshotRef, layer: string, neuron: number, signal: AbortSignal): Promise<NeuronPositions>;
  /** Where it responds to some instances. `room`: the most tokens of a sequence, around the peak; 0: all of them. */
  instanceMaps(
    at: SnapshotRef,
    layer: string,
    neuron: number,
    query: { indices: number[]; room?: number },
    signal: AbortSignal,
  ): Promise<InstanceMaps>;
  /** A head of attention, and its pattern on a pinned instance: the first without `index`. */
  attention(
    at: SnapshotRef,
    layer: string,
    head: number,
    index: number | undefined,
    signal: AbortSignal,
  ): Promise<Attention>;
  /** A statistic of rows over the steps of the run, of one neuron or of all. */
  history(at: SnapshotRef, layer: string, rows: RowQuery[], part: HistoryPart, signal: AbortSignal): Promise<History>;
  /** What each neuron does to the mean margin of a row, and which are behind its errors. */
  effects(at: SnapshotRef, layer: string, row: RowQuery, signal: AbortSignal): Promise<RowEffects>;
  /** The direction of a row in a layer, as one more neuron. */
  concept(at: SnapshotRef, layer: string, row: RowQuery, signal: AbortSignal): Promise<Concept>;
  /** How a subset (or expression) differs from the rest in a layer. */
  subset(at: SnapshotRef, layer: string, row: RowQuery, signal: AbortSignal): Promise<SubsetDetail>;
  /** How many instances a row shares with each of several rows. */
  overlap(at: SnapshotRef, row: RowQuery, rows: RowQuery[], signal: AbortSignal): Promise<Overlap>;
  /** How well layers tell rows apart; without rows, the classes. `limit`: the most instances that are used. */
  separation(
    at: SnapshotRef,
    question: { rows?: RowQuery[]; layers?: string[]; limit?: number },
    signal: AbortSignal,
  ): Promise<Separation>;
  /** How far each layer's representation is from that of another snapshot. */
  movement(at: SnapshotRef, other: SnapshotRef, signal: AbortSignal): Promise<Movement>;
  /** Which neuron of another snapshot is beside which of this one. */
  neuronPairs(at: SnapshotRef, other: SnapshotRef, layer: string, signal: AbortSignal): Promise<NeuronPairs>;
  /** What is wrong with the model. Much to look at is looked at in the background once started: poll until it is done. */
  findings(at: SnapshotRef, signal: AbortSignal, action?: JobAction): Promise<Findings>;
  /** What a finding rests on: its figures over the steps, or by layer. */
  evidence(at: SnapshotRef, about: EvidenceQuery, signal: AbortSignal): Promise<Evidence>;
  /** Value counts of the columns; of one column, its most frequent values with a prefix. */
  columnStatistics(
    at: SnapshotRef,
    filter: { column?: string; prefix?: string },
    signal: AbortSignal,
  ): Promise<Vocabulary>;
  /** How columns are distributed, beside those of an expression. Without `columns`, the first ones. */
  facets(at: SnapshotRef, query: FacetQuery, signal: AbortSignal): Promise<Facets>;
  /** Address of the instance's content, for an <img> or to fetch it with `text`. */
  contentUrl(at: SnapshotRef, index: number): string;
  /** Loudness over time: see `peaksOf`. */
  sound(at: SnapshotRef, index: number, signal: AbortSignal): Promise<Float32Array>;
  /** Content that is text. */
  text(at: SnapshotRef, index: number, signal: AbortSignal): Promise<string>;
}
