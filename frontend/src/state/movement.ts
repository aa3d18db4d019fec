/** How far the layers moved between the two snapshots that are compared, and the graph of the other run. */

import { computed, effect, type ReadonlySignal } from "@preact/signals";
import type { SnapshotRef } from "../api/source";
import type { Graph, LayerMovement, Movement } from "../api/types";
import { fixed, tick } from "../draw/format";
import { type GraphChanges, graphChanges } from "../layout/graphChanges";
import { comparedSnapshot, currentSnapshot } from "./currentSnapshot";
import { currentSource, graph } from "./data";
import { Requests, type Resource, resource } from "./loads";
import { nodeChanges } from "./nodeChanges";
import { movedRungs, type Rung } from "./rungs";

interface Pair {
  here: SnapshotRef;
  other: SnapshotRef;
}

export const movement: Resource<Pair, Movement> = resource(
  () => {
    const [here, other] = [currentSnapshot.value, comparedSnapshot.value];
    return here && other && { here, other };
  },
  new Requests(({ here, other }: Pair, abort) => currentSource().movement(here, other, abort)),
);

/** The answer, unless it is of other runs than those that are shown: another step's stays until the new one is there. */
const shownMovement = computed(() => {
  const { query, value } = movement.value;
  const isShown = query?.here.run === currentSnapshot.value?.run && query?.other.run === comparedSnapshot.value?.run;
  return isShown ? value : null;
});

/** The graph of the other run; a run has one graph at all steps. */
export const otherGraph: Resource<{ run: string }, Graph> = resource(
  () => {
    const run = comparedSnapshot.value?.run;
    return run === undefined || run === currentSnapshot.value?.run ? null : { run };
  },
  new Requests(({ run }: { run: string }, abort) => currentSource().graph(run, abort), 4),
);

/** What differs between the graphs of the two runs; null for two steps of a run. */
export const changes: ReadonlySignal<GraphChanges | null> = computed(() => {
  const [here, there] = [graph.value, otherGraph.value];
  if (!here.value || !there.value || here.query?.run !== currentSnapshot.value?.run) return null;
  return there.query?.run === comparedSnapshot.value?.run ? graphChanges(here.value, there.value) : null;
});

export interface MovementScale {
  rungs: ReadonlyMap<string, Rung>;
  /** The end of the scale, and as text. */
  top: number;
  end: string;
}

/** The least end of a scale: what is below is no movement. */
const LEAST = 0.01;

/** Bars from 0 to the largest distance, rounded up to 1, 2 or 5 times a power of ten; the largest is bold. */
export function movementScale(layers: readonly LayerMovement[]): MovementScale {
  const known = layers.flatMap(({ distance }) => distance ?? []);
  const largest = Math.max(0, ...known);
  const top = Math.max(LEAST, roundedUp(largest));
  const digits = Math.max(2, 1 - Math.floor(Math.log10(top)));
  const bold = layers.find(({ distance }) => distance === largest && Number(largest.toFixed(digits)) > 0);
  const rungs = layers.map((layer): [string, Rung] => {
    const { name, n, distance, problem } = layer;
    const figure = fixed(distance, digits);
    return [
      name,
      {
        fraction: (distance ?? 0) / top,
        figure,
        bold: layer === bold,
        label: `movement ${distance === null ? `unknown: ${problem ?? ""}` : `${figure} (1 − CKA) over ${n} instances`}`,
      },
    ];
  });
  return { rungs: new Map(rungs), top, end: tick(top) };
}

function roundedUp(value: number): number {
  const ten = 10 ** Math.floor(Math.log10(value));
  // 0.2 is 0.2 although 0.2 / 0.1 is a little more than 2.
  const step = [1, 2, 5, 10].find((each) => value <= each * ten * (1 + 1e-9)) ?? 10;
  return value > 0 ? Number((step * ten).toPrecision(1)) : 0;
}

/** The scale of the bars that are shown; null until they are known. */
export const shownScale: ReadonlySignal<(MovementScale & Movement) | null> = computed(() => {
  const shown = shownMovement.value;
  return shown && { ...movementScale(shown.layers), ...shown };
});

/** Shows the movement in the graph, until the function that it returns is called. */
export function showComparison(): () => void {
  const stop = effect(() => {
    movedRungs.value = shownScale.value?.rungs ?? new Map();
    nodeChanges.value = changes.value?.byKey ?? new Map();
  });
  return () => {
    stop();
    movedRungs.value = null;
    nodeChanges.value = new Map();
  };
}
