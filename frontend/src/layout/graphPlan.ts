/** Types of the graph's layout: first a plan (every node with its size), then positions. */

import type { Box, Edge, Form } from "./graphDrawing";
import type { Bundle, Column } from "./graphFlow";
import type { TreeNode } from "./graphTree";

/** The layered layout: centres of the boxes and corners of the edges, from (0, 0). */
export interface Branching {
  width: number;
  height: number;
  centres: { x: number; y: number }[];
  lines: { points: { x: number; y: number }[]; label: { x: number; y: number } | null }[];
}

export interface BranchingEdge {
  from: number;
  to: number;
  labelWidth: number;
}

/** Lays out branches. Null if the answer comes later; `key` names the question. */
export type LayBranches = (
  sizes: { width: number; height: number }[],
  edges: BranchingEdge[],
  key: string,
) => Branching | null;

/** A node with its size, not positioned yet. `least` is its minimum width in a column, `wish` its preferred width. */
export interface Plan {
  item: TreeNode;
  form: Form;
  minWidth: number;
  preferredWidth: number;
  height: number;
  inner: Inner | null;
  hidden?: number;
  before?: boolean;
}

export interface Branches {
  kind: "branches";
  plans: Plan[];
  edges: { from: number; to: number; bundle: Bundle | null; labelled: boolean }[];
  answer: Branching;
  /** Indices of the plans that stand for the outside, above and below; -1: none. */
  entry: number;
  exit: number;
}

export interface Columns {
  kind: "column";
  plans: Plan[];
  column: Column;
  gaps: number[];
}

export type Inner = Columns | Branches;

export interface Room {
  x: number;
  y: number;
  width: number;
  level: number;
  /** Maximum width of boxes with little content, so that they can be read without scrolling. */
  maxWidth: number;
}

/** Positions a node and everything open in it. Returns its box. */
export type PlacePlan = (plan: Plan, room: Room, rail: number, boxes: Box[], edges: Edge[]) => Box;
