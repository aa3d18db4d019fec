/**
 * What the layout hands to the view: boxes and edges in drawing pixels. It travels from the worker, so it is plain
 * data.
 */

/**
 * row: a line of a column, dot and name. card: the same, standing alone among branches. closed, open: a module. more:
 * hidden children.
 */
export type Form = "row" | "card" | "closed" | "open" | "more";

export interface Box {
  key: string;
  form: Form;
  x: number;
  y: number;
  width: number;
  height: number;
  /** x of its dot; names stand 12 to the right of it. */
  rail: number;
  /** How many open modules it lies in. */
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
  /** Where the arrow points, angle in degrees (90: down); null for the lines between the rows of a column. */
  tip: { x: number; y: number; angle: number } | null;
  label: EdgeLabel | null;
  /** Not in every forward pass. */
  branch?: boolean;
}

export interface Drawing {
  width: number;
  height: number;
  /** From top to bottom as a reader goes; an open module before what it holds. */
  boxes: Box[];
  edges: Edge[];
}

/** Measures of the drawing, in CSS pixels. */
export const ROW = 21;
export const ROW_RECORDED = 35;
export const HEADER = 20;
export const CLOSED = 22;
export const CLOSED_STRIP = 38;
/** The two sheets that stick out under folded blocks. */
export const SHEETS = 6.5;
export const FOOT = 3.5;
export const GAP = 25.5;
/** Beside a row, which has some room of its own. */
export const GAP_ROW = 24.5;
export const GAP_SHORT = 14;
/** From the left edge of a module to the dots in it. */
export const RAIL = 18;
export const INSET = 4;
export const MARGIN = 12;
export const MARGIN_TOP = 4.5;
/** Baseline of dots below the top of a row; of triangles below the top of a module. */
export const DOT = 10.5;
export const RADIUS = 2.6;
export const RADIUS_RECORDED = 4;
