import type {
  Columns,
  Graph,
  InstanceDetail,
  Matrix,
  MatrixScaleKind,
  NeuronDetail,
  Projection,
  ProjectionAction,
  ProjectionMethod,
  RowQuery,
  Runs,
  Snapshot,
  SortQuery,
  Strip,
  SubsetDetail,
  Table,
  TableQuery,
  Vocabulary,
  Where,
} from "./types";

/** One snapshot: a run at a step. */
export interface At {
  run: string;
  step: number;
}

/**
 * `prefix`: from so many instances, which is said with the numbers; `scale`: bytes on it; `window`: of these neurons
 * alone, sorted by index; `rows_of`: the rows are those of that snapshot, its instances the ones with the same ids
 * here.
 */
export interface MatrixPart {
  prefix?: number | undefined;
  scale?: MatrixScaleKind | undefined;
  window?: [number, number] | undefined;
  rows_of?: At | undefined;
}

/** Where answers come from: the plugin's routes (`http.ts`) or computed ones (`fixture.ts`). All throw ApiError. */
export interface Source {
  runs(signal: AbortSignal): Promise<Runs>;
  graph(run: string, signal: AbortSignal): Promise<Graph>;
  snapshot(at: At, signal: AbortSignal): Promise<Snapshot>;
  /** By the layer's index in the snapshot. */
  strips(at: At, signal: AbortSignal): Promise<Strip[]>;
  matrix(
    at: At,
    layer: string,
    rows: RowQuery[],
    sort: SortQuery,
    /** Name of one that the snapshot lists. */
    statistic: string,
    signal: AbortSignal,
    part?: MatrixPart,
  ): Promise<Matrix>;
  /**
   * A t-SNE is computed in the background once it is started: ask until it is done. `like`: turned onto the layout
   * there.
   */
  projection(
    at: At,
    layer: string,
    method: ProjectionMethod,
    signal: AbortSignal,
    like?: At,
    action?: ProjectionAction,
  ): Promise<Projection>;
  /** One neuron's activation on every kept instance. */
  activation(at: At, layer: string, neuron: number, signal: AbortSignal): Promise<Float32Array>;
  columns(at: At, signal: AbortSignal): Promise<Columns>;
  where(at: At, expression: string, signal: AbortSignal): Promise<Where>;
  table(at: At, query: TableQuery, signal: AbortSignal): Promise<Table>;
  /** The instances that `table` would page through, as a file. */
  csv(at: At, query: Omit<TableQuery, "offset" | "limit">, signal: AbortSignal): Promise<Blob>;
  instance(at: At, layer: string, row: number, signal: AbortSignal): Promise<InstanceDetail>;
  neuron(at: At, layer: string, neuron: number, rows: RowQuery[], signal: AbortSignal): Promise<NeuronDetail>;
  /** How a subset (or expression) differs from the rest in a layer. */
  subset(at: At, layer: string, row: RowQuery, signal: AbortSignal): Promise<SubsetDetail>;
  /** What the columns hold; of one column, its most frequent values that begin with a prefix. */
  columnStatistics(at: At, of: { column?: string; prefix?: string }, signal: AbortSignal): Promise<Vocabulary>;
  /** Address of the instance itself, for an <img> or a fetch through `text`. */
  contentUrl(at: At, row: number): string;
  /** How loud a sound is over its time: see `peaksOf`. */
  sound(at: At, row: number, signal: AbortSignal): Promise<Float32Array>;
  /** Content that is not an image. */
  text(at: At, row: number, signal: AbortSignal): Promise<string>;
}
