import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";

/** Sizes of the panes: what the user dragged, kept in the browser, within what the window allows. */

export const viewport = signal({ width: 1440, height: 836 });

interface Kept {
  graph: number;
  /** null: 312, from 1,600 px up 384. */
  instances: number | null;
  /** null: 194, less where two panels would not fit above it. */
  detail: number | null;
  projection: number | null;
  closed: { graph: boolean; instances: boolean; detail: boolean };
}

const DEFAULTS: Kept = {
  graph: 246,
  instances: null,
  detail: null,
  projection: null,
  closed: { graph: false, instances: false, detail: false },
};
const KEY = "activis.panes";

export const kept = signal<Kept>(DEFAULTS);
/** Below 1,280 px C is a tab at the edge that opens over B. */
export const instancesOver = signal(false);

export const wide: ReadonlySignal<boolean> = computed(() => viewport.value.width >= 1600);
/** C does not fit beside B. */
export const tight: ReadonlySignal<boolean> = computed(() => viewport.value.width < 1280);
/** The projection goes under its matrix. */
export const narrow: ReadonlySignal<boolean> = computed(() => viewport.value.width < 1100);

const clamp = (value: number, low: number, high: number): number =>
  Math.round(Math.max(low, Math.min(value, Math.max(low, high))));

/** Toolbar, Rows bar and two panels of the least height. */
const TWO_PANELS = 44 + 36 + 2 * 240 + 2;

export const graphWidth = computed(() =>
  kept.value.closed.graph ? 28 : clamp(kept.value.graph, 180, viewport.value.width * 0.4),
);
export const instancesClosed = computed(() => (tight.value ? !instancesOver.value : kept.value.closed.instances));
export const instancesWidth = computed(() =>
  clamp(kept.value.instances ?? (wide.value ? 384 : 312), 280, viewport.value.width * 0.45),
);
export const detailHeight = computed(() =>
  kept.value.closed.detail
    ? 33
    : clamp(kept.value.detail ?? clamp(viewport.value.height - TWO_PANELS, 172, 194), 120, viewport.value.height * 0.6),
);
export const projectionWidth = computed(() =>
  clamp(kept.value.projection ?? (wide.value ? 400 : 252), 180, viewport.value.width * 0.4),
);

export type Pane = keyof Kept["closed"];

export function resizePane(pane: Exclude<keyof Kept, "closed">, size: number): void {
  kept.value = { ...kept.value, [pane]: size };
}

export function togglePane(pane: Pane, closed?: boolean): void {
  if (pane === "instances" && tight.value) instancesOver.value = closed === undefined ? !instancesOver.value : !closed;
  else kept.value = { ...kept.value, closed: { ...kept.value.closed, [pane]: closed ?? !kept.value.closed[pane] } };
}

/** Reads what was kept and keeps what changes. A browser without storage forgets, and that is all. */
export function rememberPanes(): () => void {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Kept>;
    kept.value = { ...DEFAULTS, ...found, closed: { ...DEFAULTS.closed, ...found.closed } };
  } catch {
    kept.value = DEFAULTS;
  }
  return effect(() => {
    const text = JSON.stringify(kept.value);
    try {
      localStorage.setItem(KEY, text);
    } catch {
      // Storage is full or forbidden.
    }
  });
}
