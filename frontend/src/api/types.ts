/** The answers of the plugin's routes as the views read them: a mirror of docs/http_api.md, with arrays decoded. */

export interface StepInfo {
  step: number;
  wall_time: number;
  accuracy: number | null;
  loss: number | null;
  problem: string | null;
}

export interface RunInfo {
  name: string;
  problems: string[];
  steps: StepInfo[];
}

export interface Runs {
  logdir: string;
  runs: RunInfo[];
  other_runs: string[];
}

/** A size of -1 is the batch axis. */
export interface TensorShape {
  sizes: number[];
  dtype: string;
}

export type NodeKind = "module" | "operator" | "input" | "output";

export interface GraphNode {
  key: string;
  parent: string | null;
  kind: NodeKind;
  name: string;
  type: string;
  outputs: TensorShape[];
  parameters: number;
  attributes: Record<string, string>;
  call: number;
  calls: number;
  /** It ran in some forward passes and not in others. */
  branch: boolean;
}

export interface GraphEdge {
  source: string;
  target: string;
  sizes: number[];
  branch: boolean;
}

/** Nodes come in the order in which they ran. */
export interface Graph {
  framework: string;
  model: string;
  origin: string;
  nodes: GraphNode[];
  edges: GraphEdge[];
}

/** Counts of neurons; `nonfinite` and `clipped` count values. */
export interface LayerWarnings {
  all_zero: number;
  constant: number;
  never_above_zero: number;
  nonfinite: number;
  clipped: number;
}

export interface LayerInfo {
  name: string;
  neurons: number;
  reducer: string;
  axis: number;
  sizes: number[];
  signed: boolean;
  max_abs: number | null;
  problem: string | null;
  warnings: LayerWarnings;
}

export type SubsetKind = "all" | "class" | "correct" | "wrong" | "user";

export interface SubsetInfo {
  name: string;
  kind: SubsetKind;
  expression: string;
  count: number;
}

export type ColumnType = "number" | "category" | "boolean" | "text" | "list";

export interface ColumnInfo {
  name: string;
  type: ColumnType;
}

export type Task = "classification" | "multilabel" | "tokens" | "regression" | "ranking" | "none";

export interface Snapshot {
  run: string;
  step: number;
  wall_time: number;
  task: Task;
  class_names: string[];
  seen: number;
  kept: number;
  /** Extra instances: rows behind the kept ones, in no statistic. */
  probes: number;
  metrics: { accuracy: number | null; loss: number | null };
  content: "image" | "text" | "numbers" | "audio" | null;
  ink: boolean;
  layers: LayerInfo[];
  subsets: SubsetInfo[];
  columns: ColumnInfo[];
  notes: string[];
  problems: string[];
}

/** State of a neuron: 0 fine, 1 all zero, 2 constant, 3 has NaN or infinite values, 4 never above zero. */
export interface Strip {
  mean: Float32Array;
  state: Uint8Array;
}

export type RowQuery = { subset: string } | { expression: string } | { instance: number };

/** a and b are positions in the list of rows. */
export type SortQuery =
  | { by: "index" }
  | { by: "row"; a: number }
  | { by: "difference"; a: number; b: number }
  | { by: "strongest" }
  | { by: "clustered" };

export type Statistic = "mean" | "std" | "max" | "active";

/** `n` of the row; with source "sample" its statistics come from `n` kept instances of a sample of `of` seen. */
export interface RowSource {
  source: "exact" | "sample" | "instance";
  n: number;
  of: number;
}

export type MatrixScaleKind = "z" | "unit" | "raw";

/** Of bytes to be drawn: 0 where nothing is known, else 1 to 255 from −end (signed) or 0 to end. */
export interface CellScale {
  kind: MatrixScaleKind;
  signed: boolean;
  end: number;
  /** Whether something lies beyond the ends. */
  above: boolean;
  below: boolean;
  /** How many values are not finite. */
  missing: number;
  all_zero: boolean;
}

/** Statistics are row-major [rows, neurons] in index order, max and active only when asked for; `order` lists neurons in sorted order; `effect` is Hedges' g in index order. */
export interface Matrix {
  count: number;
  neurons: number;
  mean: Float32Array;
  std: Float32Array;
  max: Float32Array;
  active: Float32Array;
  n: Float64Array;
  order: Int32Array;
  effect: Float32Array | null;
  /** Instead of the statistics, which are then empty: bytes [rows, neurons] in index order, and their scale. */
  cells: Uint8Array | null;
  scale: CellScale | null;
  rows: RowSource[];
}

export type ProjectionMethod = "pca" | "tsne";

/** What a request does to the t-SNE on the server; without one it only asks how far it is. */
export type ProjectionAction = "start" | "cancel";

/** How far a t-SNE is; `xy` is the layout so far. */
export type ProjectionState = "not_started" | "queued" | "running" | "done" | "cancelled";

/** `xy` is [instances, 2], each axis centred; `explained` are shares of the variance (PCA only). */
export interface Projection {
  method: ProjectionMethod;
  xy: Float32Array;
  explained: number[];
  state: ProjectionState;
  /** 0 to 1 */
  progress: number;
}

export interface ExtraColumn {
  values: Float32Array | Int32Array;
  categories: string[] | null;
}

/** What is known of the kept instances, by row. Labels and predictions are class indices (-1: none) or, for regression, numbers. */
export interface Columns {
  count: number;
  ids: readonly string[];
  label: Int32Array | Float32Array;
  prediction: Int32Array | Float32Array;
  /** 1 right, 0 wrong, 255 unknown */
  correct: Uint8Array;
  score: Float32Array;
  loss: Float32Array;
  label_score: Float32Array;
  extra: Map<string, ExtraColumn>;
}

export interface Where {
  rows: Int32Array;
  count: number;
  of: number;
}

export type Cell = string | number | boolean | null;

export interface TableRow {
  row: number;
  id: string | number;
  label: Cell;
  prediction: Cell;
  correct: boolean | null;
  score: number | null;
  loss: number | null;
  label_score: number | null;
  [column: string]: Cell;
}

export interface TableQuery {
  expression?: string;
  rows?: number[];
  order?: string;
  descending?: boolean;
  offset: number;
  limit: number;
}

export interface Table {
  total: number;
  rows: TableRow[];
}

export interface MeanStd {
  mean: number;
  std: number;
}

export interface ContrastNeuron {
  neuron: number;
  value: number;
  z_own: number;
  z_predicted: number;
  own: MeanStd;
  predicted: MeanStd;
}

export interface Neighbour {
  row: number;
  id: string | number;
  label: Cell;
  prediction: Cell;
  distance: number;
}

export interface InstanceDetail {
  row: number;
  id: string | number;
  label: Cell;
  prediction: Cell;
  correct: boolean | null;
  scores: { class: string; score: number }[];
  neighbours: Neighbour[];
  contrast: null | {
    own: string;
    predicted: string;
    far_from_own: ContrastNeuron[];
    sides_with_predicted: ContrastNeuron[];
  };
}

export interface Driver {
  row: number;
  id: string | number;
  label: Cell;
  prediction: Cell;
  value: number;
}

export interface NeuronDetail {
  neuron: number;
  edges: number[];
  rows: { counts: number[]; n: number; mean: number | null; std: number | null }[];
  top: Driver[];
  bottom: Driver[];
  classes: { class: string; auc: number | null; d: number | null; n: number }[];
  steps: { step: number; mean: number | null; std: number | null }[];
}

/** A column of numbers: of the finite ones. Quantiles at 5, 25, 50, 75 and 95 percent. */
export interface NumberStatistics {
  name: string;
  type: "number";
  missing: number;
  min: number | null;
  max: number | null;
  mean: number | null;
  quantiles: (number | null)[];
  /** Of whole numbers with few values, ascending. */
  values: { value: number; count: number }[];
}

/** Another column: how many values there are, and the most frequent ones. */
export interface ValueStatistics {
  name: string;
  type: "category" | "text" | "boolean" | "list";
  missing: number;
  distinct: number;
  values: { value: string | boolean; count: number }[];
}

/** What an expression can be completed with. */
export interface Vocabulary {
  columns: (NumberStatistics | ValueStatistics)[];
  functions: { name: string; arguments: string[] }[];
}

export interface DistinguishingNeuron {
  neuron: number;
  /** Hedges' g: positive where the subset is higher. */
  effect: number | null;
  p: number | null;
  q: number | null;
  own: { mean: number | null; std: number | null };
  rest: { mean: number | null; std: number | null };
}

/** A subset against all other instances; accuracy, loss and confusion are of the kept ones. */
export interface SubsetDetail {
  n: number;
  of: number;
  source: "exact" | "sample";
  kept: number;
  judged: number;
  accuracy: number | null;
  loss: number | null;
  confusion: { label: string | null; prediction: string | null; count: number }[];
  tested: number;
  differ: number;
  neurons: DistinguishingNeuron[];
}

export type ErrorKind = "bad_request" | "forbidden" | "not_found" | "unreadable" | "too_large" | "internal" | "unreachable";

/** What a failed request says; `position` (from 0) only for expressions; "unreachable" when there was no answer. */
export class ApiError extends Error {
  constructor(
    readonly kind: ErrorKind,
    message: string,
    readonly position: number | null = null,
  ) {
    super(message);
  }
}
