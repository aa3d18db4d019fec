/** The result of the graph's layout: boxes and edges in pixels; and its measures. */

/**
 * row: a line in a column, with dot and name. card: the same among branches. closed, open: a module. more: hidden
 * children.
 */
export type Form = "row" | "card" | "closed" | "open" | "more";

export interface Box {
  key: string;
  form: Form;
  x: number;
  y: number;
  width: number;
  height: number;
  /** x of the dot; the name is 12 to the right. */
  rail: number;
  /** Number of open modules around it. */
  level: number;
  /** For `more`: children of the module `key` that are not shown, before or after those that are. */
  hidden?: number;
  before?: boolean;
}

export interface EdgeLabel {
  x: number;
  y: number;
  count: number;
  sizes: number[] | null;
}

export interface Edge {
  from: string;
  to: string;
  /** SVG path. */
  path: string;
  /** Position and angle of the arrowhead in degrees (90: down); null between the rows of a column. */
  tip: { x: number; y: number; angle: number } | null;
  label: EdgeLabel | null;
  /** Not executed in every forward pass. */
  branch?: boolean;
}

export interface Drawing {
  width: number;
  height: number;
  /** In reading order; an open module before its children. */
  boxes: Box[];
  edges: Edge[];
}

/** Sizes, in CSS pixels. */
export const ROW = 21;
export const ROW_RECORDED = 35;
export const HEADER = 20;
export const CLOSED = 22;
export const CLOSED_STRIP = 38;
/** Height of the two sheets below folded blocks. */
export const SHEETS = 6.5;
export const FOOT = 3.5;
export const GAP = 25.5;
/** Next to a row, which has some space of its own. */
export const GAP_ROW = 24.5;
export const GAP_SHORT = 14;
/** From the left edge of a module to its dots. */
export const RAIL = 18;
export const INSET = 4;
export const MARGIN = 12;
export const MARGIN_TOP = 4.5;
/** Dots below the top of a row; triangles below the top of a module. */
export const DOT = 10.5;
export const RADIUS = 2.6;
export const RADIUS_RECORDED = 4;
