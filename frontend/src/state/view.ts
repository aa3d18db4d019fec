import { type Signal, signal } from "@preact/signals";
import type { ProjectionMethod } from "../api/types";
import type { ColumnView } from "../layout/matrix";
import { WHOLE, type Zoom } from "../layout/projection";
import type { Row, RowKey } from "./rowKeys";
import type { Sort } from "./rows";

/**
 * The one state of the tab, as the user chose it; all of it is in the address. Null means "not chosen": `chosen.ts`
 * derives what is then shown, and views read that, not this. Views change it through `actions.ts`.
 */
export type Scale = "auto" | "z" | "unit" | "raw";

export interface Compare {
  run: string;
  /** null: the step nearest to the one shown. */
  step: number | null;
}

export type Selection =
  | { kind: "instance"; row: number }
  | { kind: "neuron"; layer: string; neuron: number }
  | { kind: "subset"; key: RowKey };

/** How what is compared with is shown: in the lower half of every row, or as the difference from it. */
export type CompareMode = "both" | "difference";

export type InstancesTab = "classes" | "confusion" | "table";

export const chosenRun = signal<string | null>(null);
export const chosenStep = signal<number | null>(null);
export const compare = signal<Compare | null>(null);
export const compareMode = signal<CompareMode>("both");
/** Modules of the graph that are open; null: those that are open at first. */
export const openModules = signal<string[] | null>(null);
export const chosenLayers = signal<string[] | null>(null);
export const chosenRows = signal<Row[] | null>(null);
export const sort = signal<Sort>({ by: "index" });
export const chosenStatistic = signal("mean");
export const scale = signal<Scale>("auto");
/** Text of the expression box, as typed. */
export const expression = signal("");
export const selection = signal<Selection | null>(null);
/** The layer that the drawer looks at; null: the last open one. */
export const chosenDetailLayer = signal<string | null>(null);
export const instancesTab = signal<InstancesTab>("classes");
/** Whether the drawer keeps its subject when something else is clicked. */
export const detailPinned = signal(false);

/** "label", "prediction", "correct", "rows", "column:NAME" or "neuron:INDEX LAYER". */
export type ColourBy = string;

export interface PanelState {
  method: Signal<ProjectionMethod>;
  colour: Signal<ColourBy>;
  zoom: Signal<Zoom>;
  /** Of the matrix; null: all of them. */
  columns: Signal<ColumnView | null>;
}

const panels = new Map<string, PanelState>();
const made = signal<string[]>([]);

/** What belongs to one layer's panel alone. It outlives the panel, so that reopening finds it as it was. */
export function panel(layer: string): PanelState {
  let found = panels.get(layer);
  if (!found) {
    found = {
      method: signal<ProjectionMethod>("pca"),
      colour: signal<ColourBy>("label"),
      zoom: signal(WHOLE),
      columns: signal(null),
    };
    panels.set(layer, found);
    // Made while a view draws: those who follow the list hear of it afterwards.
    queueMicrotask(() => {
      made.value = [...panels.keys()];
    });
  }
  return found;
}

/** Layers that ever had a panel; a signal, so that the address follows panels that are made later. */
export function panelNames(): string[] {
  return made.value;
}
