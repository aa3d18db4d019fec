/** The user's choices, as signals. All of them are in the address. */

import { type Signal, signal } from "@preact/signals";
import type { ColumnView } from "../layout/matrix";
import { WHOLE, type Zoom } from "../layout/projection";
import type { ClassOrder } from "./classOrder";
import type { Row, RowKey } from "./rowKeys";
import type { Sort } from "./rows";

/**
 * Null means "not chosen": `derived.ts` derives what is then shown, and views read that. Views change the signals
 * through `actions.ts`.
 */
export type Scale = "auto" | "z" | "unit" | "raw";

export interface Compare {
  run: string;
  /** null: the step nearest to the one shown. */
  step: number | null;
}

export type Selection =
  | { kind: "instance"; index: number }
  | { kind: "neuron"; layer: string; neuron: number }
  | { kind: "subset"; key: RowKey };

/** How a comparison is shown: in the lower half of every row, or as the difference. */
export type CompareMode = "both" | "difference";

/** What the ladder of the graph shows: balanced accuracy, or the largest effect size. */
export type LadderFigure = "accuracy" | "effect";

/** Which neurons stand beside each other: by correlation where they are not the same, or of one number. */
export type Pairing = "auto" | "index";

export type InstancesTab = "classes" | "confusion" | "table";

export const chosenRun = signal<string | null>(null);
export const chosenStep = signal<number | null>(null);
export const compare = signal<Compare | null>(null);
export const compareMode = signal<CompareMode>("both");
export const pairing = signal<Pairing>("auto");
/** Open modules of the graph; null: the default. */
export const openModules = signal<string[] | null>(null);
/** A layer that the graph is to scroll to, opening the modules around it. */
export const wantedLayer = signal<string | null>(null);
export const chosenLayers = signal<string[] | null>(null);
export const chosenRows = signal<Row[] | null>(null);
/** The rule that the neurons are sorted by; null: the default. */
export const chosenSort = signal<Sort | null>(null);
/** The step whose clusters the neurons are ordered by while others are shown; null: the one shown. */
export const orderStep = signal<number | null>(null);
/** The order of the classes, as rows and as blocks. */
export const classOrder = signal<ClassOrder>("auto");
export const chosenStatistic = signal("mean");
export const scale = signal<Scale>("auto");
export const ladderFigure = signal<LadderFigure>("accuracy");
/** What the pane of the model shows: its graph, or the layers over the steps of training. */
export const modelFace = signal<"graph" | "health">("graph");
/** The measure of training health that is shown; null: the first one. */
export const chosenMeasure = signal<string | null>(null);
/** Text of the expression box, as typed. */
export const expression = signal("");
export const selection = signal<Selection | null>(null);
/** The place where findings are listed, in the place of the drawer. */
export interface FindingsPlace {
  open: boolean;
  /** The step whose findings are listed, where another one is shown. */
  step: number | null;
  /** The instances that are marked, while it is open. */
  row: RowKey | null;
}

export const CLOSED: FindingsPlace = { open: false, step: null, row: null };
export const findingsPlace = signal<FindingsPlace>(CLOSED);
/** The finding that is said and shown; null: the strongest. */
export const chosenFinding = signal<string | null>(null);
/** Keys of the findings that are not listed. */
export const hiddenFindings = signal<string[] | null>(null);
/** The layer of the drawer; null: the last open one. */
export const chosenDetailLayer = signal<string | null>(null);
export const instancesTab = signal<InstancesTab>("classes");
/** What the drawer shows of a neuron: where in the input it responds, where that was recorded; or its values. */
export const neuronFace = signal<"where" | "values">("where");
/** Whether the drawer keeps its subject when something else is clicked. */
export const detailPinned = signal(false);

/** "label", "prediction", "correct", "rows", "column:NAME", "neuron:INDEX LAYER" or "along:ROW KEY", its direction. */
export type ColourBy = string;

/** How a layer is projected; "along:ROW KEY": along its direction. */
export type Method = "pca" | "tsne" | `along:${RowKey}`;

export interface PanelState {
  method: Signal<Method>;
  colour: Signal<ColourBy>;
  zoom: Signal<Zoom>;
  /** Of the matrix; null: all of them. */
  columns: Signal<ColumnView | null>;
  /** Whether other rows of the matrix than the first ones are in sight, or soon may be. */
  scrolled: Signal<boolean>;
  /** The row that is spread over the steps below the matrix; null: none. */
  over: Signal<RowKey | null>;
}

const panels = new Map<string, PanelState>();
const made = signal<string[]>([]);

/** The state of one layer's panel. It outlives the panel, so that reopening it restores it. */
export function panel(layer: string): PanelState {
  let state = panels.get(layer);
  if (!state) {
    state = {
      method: signal<Method>("pca"),
      colour: signal<ColourBy>("label"),
      zoom: signal(WHOLE),
      columns: signal(null),
      scrolled: signal(false),
      over: signal(null),
    };
    panels.set(layer, state);
    // Created during rendering, where no signal may be written: notify later.
    queueMicrotask(() => {
      made.value = [...panels.keys()];
    });
  }
  return state;
}

/** Layers that ever had a panel; a signal, so that the address also follows panels created later. */
export function panelNames(): string[] {
  return made.value;
}
