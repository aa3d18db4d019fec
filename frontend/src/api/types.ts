/**
 * What views read: the answers of the routes (`contract.ts`, generated), and, in place of those of the same name, what
 * is made of them when they are decoded.
 */

import type {
  ColourScale,
  Columns as ColumnsAnswer,
  Projection as ProjectionAnswer,
  RowSource,
  Table as TableAnswer,
} from "./contract";

export type * from "./contract";
export type {
  ColourScale as CellScale,
  ColumnKind as ColumnType,
  ScaleKind as MatrixScaleKind,
  SnapshotInfo as Snapshot,
} from "./contract";

/** State of a neuron: 0 fine, 1 all zero, 2 constant, 3 has NaN or infinite values, 4 never above zero. */
export interface Strip {
  mean: Float32Array;
  state: Uint8Array;
}

export type RowQuery = { subset: string } | { expression: string } | { instance: number };

/** a and b are positions in the list of rows. */
export type SortQuery =
  | { by: "index" }
  | { by: "row" | "effect" | "direction"; a: number }
  | { by: "difference"; a: number; b: number }
  | { by: "strongest" }
  | { by: "clustered" };

/**
 * Statistics, those that were asked for by name, are row-major [rows, neurons] in index order; `order` lists neurons in
 * sorted order; `effect` is in index order.
 */
export interface Matrix {
  count: number;
  neurons: number;
  statistics: Record<string, Float32Array>;
  n: Float64Array;
  order: Int32Array;
  effect: Float32Array | null;
  /** Instead of the statistics: bytes [rows, neurons] in index order, and their scale. */
  quantized: Uint8Array | null;
  /** The rows that `quantized` has, by their positions; absent: all. */
  drawn?: Int32Array | undefined;
  scale: ColourScale | null;
  /** How values come onto that scale: (value − offset) × factor, by index of the neuron; null: 0 and 1. */
  offset: Float32Array | null;
  factor: Float32Array | null;
  rows: RowSource[];
  /** The step whose order the neurons are in, where it is not the matrix's own. */
  orderOf?: number;
}

/** What a request does to a job on the server, as a t-SNE; without one it only asks how far it is. */
export type JobAction = "start" | "cancel";

export type Projection = Required<Omit<ProjectionAnswer, "aligned" | "direction">> &
  Pick<ProjectionAnswer, "direction">;

export interface ExtraColumn {
  values: Float32Array | Int32Array;
  categories: string[] | null;
  /** Of a column of times: the moment (ISO 8601) that its seconds are counted from. */
  since: string | null;
}

/** What is known of the kept instances, by index, with their ids as texts. */
export interface Columns extends Omit<ColumnsAnswer, "id" | "user" | "categories" | "times"> {
  count: number;
  ids: readonly string[];
  extra: Map<string, ExtraColumn>;
}

export type Cell = string | number | boolean | null;

export interface TableRow {
  row: number;
  id: string | number;
  label: string | number | null;
  prediction: string | number | null;
  correct: boolean | null;
  score: number | null;
  loss: number | null;
  label_score: number | null;
  [column: string]: Cell;
}

export interface Table extends TableAnswer {
  rows: TableRow[];
}

export interface TableQuery {
  expression?: string;
  indices?: number[];
  order?: string;
  descending?: boolean;
  offset: number;
  limit: number;
}

export type ErrorKind =
  | "bad_request"
  | "forbidden"
  | "not_found"
  | "thinned"
  | "unreadable"
  | "too_large"
  | "busy"
  | "internal"
  | "unreachable"
  | "not_loaded";

/**
 * What a failed request says; `position` (from 0) only for expressions; "unreachable" when there was no answer,
 * "not_loaded" when a part of the tab's code did not come.
 */
export class ApiError extends Error {
  constructor(
    readonly kind: ErrorKind,
    message: string,
    readonly position: number | null = null,
  ) {
    super(message);
  }
}
