/** State of one projection: answer, positions, colours, frame. */

import { computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Projection } from "../../api/types";
import {
  aroundBoth,
  type Bounds,
  between,
  betweenBounds,
  boundsOf,
  ease,
  type Frame,
  frameOf,
  isPoint,
} from "../../layout/projection";
import { type Grid, gridOf } from "../../layout/projectionGrid";
import { type Cluster, clusters } from "../../layout/projectionLabels";
import type { Load } from "../../state/loads";
import { type ProjectionQuery, pcaOf, projectionOf } from "../../state/projections";
import { panel } from "../../state/view";
import { type Colouring, colouringBy, pixelsOf } from "./colouring";

/** Derived state of one plot, for its views and its pointer handling. */
export interface PlotState {
  layer: string;
  /** The answer that is shown, or will be. */
  answer: ReadonlySignal<Load<ProjectionQuery, Projection>>;
  /** Drawn positions, animated when the step changes. [instances, 2] */
  xy: ReadonlySignal<Float32Array | null>;
  size: Signal<{ width: number; height: number }>;
  frame: ReadonlySignal<Frame | null>;
  grid: ReadonlySignal<Grid | null>;
  colouring: ReadonlySignal<Colouring | null>;
  /** Groups hidden in the legend. */
  hidden: Signal<ReadonlySet<number>>;
  pixels: ReadonlySignal<Uint32Array | null>;
  strongPixels: ReadonlySignal<Uint32Array | null>;
  clusters: ReadonlySignal<Cluster[]>;
  /** Whether all instances have the same position. */
  flat: ReadonlySignal<boolean>;
  /** Of the drawn positions; null while there are none. */
  bounds: ReadonlySignal<Bounds | null>;
  /** Whether an instance is drawn, so that it can be hovered. */
  counts: (index: number) => boolean;
  /** Starts following the answers; returns a function that stops it. */
  follow: () => () => void;
}

const MOVE_MS = 280;

/** What a plot beside another one does otherwise. */
export interface Twin {
  /** Which positions it shows; by default the layer's of the shown snapshot. */
  answer?: PlotState["answer"];
  colouring: () => Colouring | null;
  hidden?: PlotState["hidden"];
  /** The bounds of the other plot: the axes of both are the same. */
  beside: () => Bounds | null;
}

export function makePlotState(layer: string, twin?: Twin): PlotState {
  const state = panel(layer);
  // Until the first t-SNE is computed, PCA is shown.
  const answer =
    twin?.answer ??
    computed(() => {
      const own = projectionOf(layer).value;
      if (own.value || state.method.value !== "tsne" || own.status === "failed") return own;
      const { value, query } = pcaOf(layer).value;
      return { ...own, value, query };
    });
  const shown = signal<{ xy: Float32Array; bounds: Bounds } | null>(null);
  const size = signal({ width: 0, height: 0 });
  const hidden = twin?.hidden ?? signal<ReadonlySet<number>>(new Set());
  const xy = computed(() => shown.value?.xy ?? null);
  // While a neuron's values load, the previous colours stay.
  let last: Colouring | null = null;
  const colouring = computed(() => (last = (twin ? twin.colouring() : colouringBy(state.colour.value, layer)) ?? last));
  const flat = computed(() => xy.value !== null && xy.value.length > 2 && isPoint(xy.value));
  const pixels = computed(() => colouring.value && pixelsOf(colouring.value, hidden.value, false));

  const follow = (): (() => void) => {
    let frame = 0;
    let method = answer.peek().value?.method;
    const stop = effect(() => {
      const { value } = answer.value;
      if (!value) return;
      cancelAnimationFrame(frame);
      const from = shown.peek();
      const to = { xy: value.xy, bounds: boundsOf(value.xy) };
      if (from?.xy === to.xy) return;
      // No animation between methods: the points would only cross.
      const jump =
        !from ||
        from.xy.length !== to.xy.length ||
        value.method !== method ||
        matchMedia("(prefers-reduced-motion: reduce)").matches;
      method = value.method;
      if (jump) {
        shown.value = to;
        return;
      }
      const start = performance.now();
      const step = (now: number): void => {
        const t = Math.min(1, Math.max(0, now - start) / MOVE_MS);
        const e = ease(t);
        shown.value =
          t < 1
            ? {
                xy: between(from.xy, to.xy, e, new Float32Array(to.xy.length)),
                bounds: betweenBounds(from.bounds, to.bounds, e),
              }
            : to;
        if (t < 1) frame = requestAnimationFrame(step);
      };
      frame = requestAnimationFrame(step);
    });
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  };

  return {
    layer,
    answer,
    xy,
    size,
    colouring,
    hidden,
    pixels,
    follow,
    flat,
    bounds: computed(() => shown.value?.bounds ?? null),
    frame: computed(() => {
      const [what, { width, height }] = [shown.value, size.value];
      const other = twin?.beside();
      return what && width > 0 && height > 0
        ? frameOf(other ? aroundBoth(what.bounds, other) : what.bounds, width, height, state.zoom.value)
        : null;
    }),
    grid: computed(() => xy.value && gridOf(xy.value)),
    strongPixels: computed(() => colouring.value && pixelsOf(colouring.value, hidden.value, true)),
    clusters: computed(() => {
      const how = colouring.value;
      return xy.value &&
        !flat.value &&
        how?.kind === "groups" &&
        how.named &&
        how.groupOf.length * 2 === xy.value.length
        ? clusters(how.groupOf, xy.value)
        : [];
    }),
    counts: (index) => (pixels.peek()?.[index] ?? 1) !== 0,
  };
}
