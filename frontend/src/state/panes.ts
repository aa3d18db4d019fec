/** Sizes of the panes: stored in the browser, limited by the window. */

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { run } from "./currentSnapshot";
import { findingsPlace, modelFace } from "./view";

export const viewport = signal({ width: 1440, height: 836 });

interface StoredPanes {
  graph: number;
  /** Width of the graph's pane while it shows training health. */
  health: number;
  /** null: 312, from 1,600 px window width 384. */
  instances: number | null;
  /** null: 194, less if two layer panels would not fit above it; 330 where a pattern of attention is shown. */
  detail: number | null;
  projection: number | null;
  /** Whether the facets are shown below the toolbar. */
  facets: boolean;
  closed: { graph: boolean; instances: boolean; detail: boolean };
}

const DEFAULTS: StoredPanes = {
  graph: 246,
  health: 540,
  instances: null,
  detail: null,
  projection: null,
  facets: false,
  closed: { graph: false, instances: false, detail: false },
};
const KEY = "activis.panes";

export const storedPanes = signal<StoredPanes>(DEFAULTS);
/** Below 1,280 px window width, pane C is closed to a tab at the edge and opens over pane B. */
export const instancesOver = signal(false);

export const wide: ReadonlySignal<boolean> = computed(() => viewport.value.width >= 1600);
/** Pane C does not fit beside pane B. */
export const tight: ReadonlySignal<boolean> = computed(() => viewport.value.width < 1280);
/** The projection is below its matrix. */
export const narrow: ReadonlySignal<boolean> = computed(() => viewport.value.width < 1100);

const clamp = (value: number, low: number, high: number): number =>
  Math.round(Math.max(low, Math.min(value, Math.max(low, high))));

/** A panel is at least as high; in a low window two of them must still fit above the drawer. */
export const panelHeight = computed(() => (viewport.value.height < 760 ? 224 : 240));
/** Height of the list of findings. */
const FINDINGS = 276;
/** Height of the facets. */
export const FACETS = 126;
export const facetsHeight = computed(() => (storedPanes.value.facets ? FACETS : 0));
/** Toolbar, headline, rows bar and two layer panels of minimum height. */
const TWO_PANELS = 44 + 34 + 36 + 2 * 240 + 2;

/** Whether the run shown has training health. */
export const hasHealth = computed(() => Number.isFinite(run.value?.health));
/** What the pane of the model shows: its graph where the run has no training health. */
export const modelPane = computed(() => (hasHealth.value ? modelFace.value : "graph"));
/** Of the layer panels beside training health: their headers need as much. */
const PANELS = 580;
export const graphWidth = computed(() => {
  const [{ width }, face] = [viewport.value, modelPane.value];
  const beside = face === "health" ? PANELS + (tight.value || instancesClosed.value ? 28 : instancesWidth.value) : 0;
  return storedPanes.value.closed.graph
    ? 28
    : clamp(storedPanes.value[face], 180, Math.min(width * 0.4, width - beside));
});
export const instancesClosed = computed(() =>
  tight.value ? !instancesOver.value : storedPanes.value.closed.instances,
);
export const instancesWidth = computed(() =>
  clamp(storedPanes.value.instances ?? (wide.value ? 384 : 312), 280, viewport.value.width * 0.45),
);
/** The columns of the drawer need to be narrower, in a narrow window or beside a wide pane of the model. */
export const narrowDetail = computed(() => narrow.value || viewport.value.width - graphWidth.value < 1000);
/** Whether the drawer shows what needs lines: the pattern of a head, with a row per token. */
export const tallDetail = signal(false);
export const detailHeight = computed(() =>
  storedPanes.value.closed.detail && !findingsPlace.value.open
    ? 33
    : clamp(
        storedPanes.value.detail ??
          (findingsPlace.value.open
            ? clamp(FINDINGS, 172, viewport.value.height * 0.36)
            : tallDetail.value
              ? clamp(330, 172, viewport.value.height * 0.42)
              : clamp(viewport.value.height - facetsHeight.value - TWO_PANELS, 172, 194)),
        120,
        viewport.value.height * 0.6,
      ),
);
export const projectionWidth = computed(() =>
  clamp(storedPanes.value.projection ?? (wide.value ? 400 : 252), 180, viewport.value.width * 0.4),
);

export type Pane = keyof StoredPanes["closed"];

export function resizePane(pane: Exclude<keyof StoredPanes, "closed">, size: number): void {
  storedPanes.value = { ...storedPanes.value, [pane]: size };
}

export function togglePane(pane: Pane, closed?: boolean): void {
  if (pane === "instances" && tight.value) instancesOver.value = closed === undefined ? !instancesOver.value : !closed;
  else
    storedPanes.value = {
      ...storedPanes.value,
      closed: { ...storedPanes.value.closed, [pane]: closed ?? !storedPanes.value.closed[pane] },
    };
}

export function toggleFacets(): void {
  storedPanes.value = { ...storedPanes.value, facets: !storedPanes.value.facets };
}

/** Opens a pane that is closed. */
export function showPane(pane: Pane): void {
  if (pane === "instances" && tight.peek()) instancesOver.value = true;
  else if (storedPanes.peek().closed[pane]) togglePane(pane, false);
}

/** Reads the stored sizes and stores changes. Without browser storage, sizes are forgotten on reload. */
export function rememberPanes(): () => void {
  try {
    const parsed = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<StoredPanes>;
    storedPanes.value = { ...DEFAULTS, ...parsed, closed: { ...DEFAULTS.closed, ...parsed.closed } };
  } catch {
    storedPanes.value = DEFAULTS;
  }
  return effect(() => {
    const text = JSON.stringify(storedPanes.value);
    try {
      localStorage.setItem(KEY, text);
    } catch {
      // Storage is full or not allowed.
    }
  });
}
