/**
 * How well layers tell apart what is asked: of all layers at the step shown, and of one layer over the steps. Loaded
 * after the first picture.
 */

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { SnapshotRef } from "../api/source";
import type { LayerSeparation, RowQuery, Separation } from "../api/types";
import { fixed, percent } from "../draw/format";
import { type Apart, apart } from "./apart";
import { comparedSnapshot, currentSnapshot, step, steps } from "./currentSnapshot";
import { currentSource, layers, rows, snapshot } from "./data";
import { labelName, letters, subsetsByName } from "./derived";
import { confusionClause } from "./headline";
import { Requests, type Resource, resource } from "./loads";
import { parseRowKey, type RowKey, rowKey, subsetKey } from "./rowKeys";
import { keyOf, rowQuery } from "./rows";
import { isLadderAsked, ladder, pointedRung, type Rung } from "./rungs";
import { type LadderFigure, ladderFigure } from "./view";

/** Layers of one request; requests follow one another, so that they hold up nothing else. */
const BATCH = 8;
/** Instances that are used, and of each class at least so many on average. */
const [INSTANCES, EACH] = [1000, 10];
/** Steps of a sparkline. */
const MOST_STEPS = 24;
/** How long nothing changes before it is asked. */
const REST_MS = 250;

export interface Question extends SnapshotRef {
  /** A and B; without, the classes. */
  rows?: RowQuery[];
  limit: number;
}

const limitOf = (groups: number): number => Math.max(INSTANCES, EACH * groups);

/** A and B, where both are sets of instances among the rows. */
export const askedPair: ReadonlySignal<[RowKey, RowKey] | null> = computed(() => {
  const { a, b } = letters.value;
  const isSet = (key: RowKey): boolean => rows.value.some((row) => row.kind !== "instance" && rowKey(row) === key);
  return a !== null && b !== null && isSet(a) && isSet(b) ? [a, b] : null;
});

const queryOf = (key: RowKey): RowQuery => rowQuery(parseRowKey(key)!);

/** The snapshot that is shown, once its layers are known. */
const place = computed((): SnapshotRef | null => {
  const [now, { query, status }] = [currentSnapshot.value, snapshot.value];
  return status === "ready" && query?.run === now?.run && query?.step === now?.step ? now : null;
});

const question = computed((): Question | null => {
  const [where, shown, pair] = [place.value, snapshot.value.value, askedPair.value];
  // The rows of the graph show how far the layers moved.
  if (!where || !shown || comparedSnapshot.value) return null;
  if (pair) return { ...where, rows: pair.map(queryOf), limit: limitOf(2) };
  const classes = shown.class_names.length;
  return shown.task === "classification" && classes > 1 ? { ...where, limit: limitOf(classes) } : null;
});

type LayersQuery = Question & { layers: string[] };

const separations = new Requests(
  async ({ run, step: at, layers: names, ...asked }: LayersQuery, abort, onFirst: (first: Separation) => void) => {
    let known: Separation | null = null;
    for (let start = 0; start < names.length; start += BATCH) {
      const part = { ...asked, layers: names.slice(start, start + BATCH) };
      const answer = await currentSource().separation({ run, step: at }, part, abort);
      known = known ? { ...answer, layers: [...known.layers, ...answer.layers] } : answer;
      if (start + BATCH < names.length) onFirst(known);
    }
    return known ?? { groups: [], folds: 0, layers: [] };
  },
  48,
);

/** Of all layers. Undefined while a snapshot loads: what was asked before stays. */
function allLayers(of: Question | null): LayersQuery | null | undefined {
  if (!place.value && currentSnapshot.value) return undefined;
  return of && layers.value.size > 0 ? { ...of, layers: [...layers.value.keys()] } : null;
}

const asked = signal<LayersQuery | null>(null);
/** The answer to what is asked; the one before stays until it is there. */
export const separation: Resource<LayersQuery, Separation> = resource(() => asked.value, separations);

/** The first layer that is within one standard error of the best. */
export function firstApart(known: readonly LayerSeparation[]): LayerSeparation | null {
  const accurate = known.filter(({ accuracy }) => accuracy !== null);
  const [best] = accurate.toSorted((a, b) => b.accuracy! - a.accuracy!);
  return (best && accurate.find(({ accuracy }) => accuracy! >= best.accuracy! - (best.standard_error ?? 0))) ?? null;
}

/** The largest |g| of any layer: the end of the bars' scale. */
export const largestEffect = ({ layers: known }: Separation): number =>
  Math.max(0, ...known.map(({ effect: g }) => Math.abs(g ?? 0)));

/** Bars from chance to 1, or from 0 to the largest |g|; `complete`: all layers are there, and one of them is bold. */
export function rungsOf(known: Separation, figure: LadderFigure, complete: boolean): Map<string, Rung> {
  const chance = 1 / known.groups.length;
  const [top, bold] = [largestEffect(known), complete ? firstApart(known.layers) : null];
  return new Map(
    known.layers.flatMap((layer): [string, Rung][] => {
      const { name, accuracy, effect: g } = layer;
      if (accuracy === null) return [];
      const isBold = layer === bold;
      const words = [
        `${percent(accuracy, 0)} right by the nearest mean`,
        ...(g === null ? [] : [`largest g ${fixed(g, 1)}`]),
      ];
      if (isBold) words.push("the first layer within one standard error of the best");
      const fraction = figure === "accuracy" ? (accuracy - chance) / (1 - chance) : Math.abs(g ?? 0) / (top || 1);
      return [
        [
          name,
          {
            fraction: Math.max(0, fraction),
            figure: figure === "accuracy" ? percent(accuracy, 0) : g === null ? "–" : fixed(Math.abs(g), 1),
            bold: isBold,
            label: words.join(", "),
          },
        ],
      ];
    }),
  );
}

/** The pair of the main confusion, as rows that may be set as A and B. */
export const confusedPair: ReadonlySignal<[RowKey, RowKey] | null> = computed(() => {
  const clause = confusionClause.value;
  const names = clause?.kind === "confusion" ? [clause.label, clause.prediction].map((index) => labelName(index)) : [];
  const [a, b] = names.filter((name) => subsetsByName.value.get(name)?.kind === "class").map(subsetKey);
  return a !== undefined && b !== undefined ? [a, b] : null;
});

const askedOfConfusion = signal<LayersQuery | null>(null);
const separationOfConfusion = resource(() => askedOfConfusion.value, separations);

export interface TrendQuery extends Question {
  layer: string;
  steps: number[];
}

const trends = new Requests(
  async (
    { run, layer, steps: wanted, step: _, ...asked }: TrendQuery,
    abort,
    onFirst: (first: (LayerSeparation | null)[]) => void,
  ) => {
    const points: (LayerSeparation | null)[] = [];
    for (const at of wanted) {
      const answer = await currentSource().separation({ run, step: at }, { ...asked, layers: [layer] }, abort);
      points.push(answer.layers[0] ?? null);
      onFirst([...points]);
    }
    return points;
  },
);

/** At most so many of the steps, evenly, with the first, the last and the one that is shown. */
export function pickSteps(all: readonly number[], now: number, most = MOST_STEPS): number[] {
  if (all.length <= most) return [...all];
  const even = Array.from({ length: most - 1 }, (_, i) => all[Math.round((i * (all.length - 1)) / (most - 2))]!);
  return [...new Set([...even, now])].toSorted((a, b) => a - b);
}

const pointed = signal<string | null>(null);
/** Of the layer that is pointed at, over the steps. */
export const trend: Resource<TrendQuery, (LayerSeparation | null)[]> = resource(() => {
  const [layer, query] = [pointed.value, separation.value.query];
  if (layer === null || !query || query.run !== currentSnapshot.value?.run) return null;
  const { layers: _, ...rest } = query;
  const readable = steps.value.filter(({ problem }) => problem === null).map((info) => info.step);
  return readable.length > 1 ? { ...rest, layer, steps: pickSteps(readable, step.value?.step ?? query.step) } : null;
}, trends);

/**
 * Follows a value once it has not changed for a while; null at once, and undefined not at all. Returns a function that
 * stops it.
 */
function atRest<T>(read: () => T | null | undefined, write: (value: T | null) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    const value = read();
    clearTimeout(timer);
    if (value === null) write(null);
    else if (value !== undefined) timer = setTimeout(() => write(value), REST_MS);
  });
  return () => {
    clearTimeout(timer);
    stop();
  };
}

/** What the headline says of the classes that are confused; undefined until it is known. */
function apartNow(): Apart | null | undefined {
  const [clause, pair, { value, query, status }] = [
    confusionClause.value,
    confusedPair.value,
    separationOfConfusion.value,
  ];
  if (clause?.kind !== "confusion") return undefined;
  if (!pair || status === "failed") return null;
  const isAnswer = query?.rows?.every((row, i) => keyOf(row) === pair[i]) ?? false;
  if (status !== "ready" || !value || !query || !isAnswer) return undefined;
  const first = firstApart(value.layers);
  if (!first) return null;
  const after = value.layers.slice(value.layers.indexOf(first) + 1).flatMap(({ accuracy }) => accuracy ?? []);
  return {
    run: query.run,
    step: query.step,
    label: clause.label,
    prediction: clause.prediction,
    layer: first.name,
    accuracy: first.accuracy!,
    gain: after.length > 0 ? Math.max(0, Math.max(...after) - first.accuracy!) : null,
    isAboveChance: first.accuracy! - 2 * (first.standard_error ?? 0) > 1 / 2,
  };
}

/** Asks, and writes the ladder of the graph and what the headline says. Returns a function that stops it. */
export function followSeparation(): () => void {
  const stops = [
    atRest(
      () => allLayers(question.value),
      (value) => {
        asked.value = value;
      },
    ),
    atRest(
      () => {
        const [where, pair] = [place.value, confusedPair.value];
        return allLayers(where && pair && { ...where, rows: pair.map(queryOf), limit: limitOf(2) });
      },
      (value) => {
        askedOfConfusion.value = value;
      },
    ),
    atRest(
      () => pointedRung.value?.layer ?? null,
      (value) => {
        pointed.value = value;
      },
    ),
    effect(() => {
      const { value, query, status } = separation.value;
      const isShown = value && query?.run === currentSnapshot.value?.run;
      isLadderAsked.value = asked.value !== null;
      ladder.value = isShown ? rungsOf(value, ladderFigure.value, status === "ready") : new Map();
    }),
    effect(() => {
      apart.value = apartNow();
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    asked.value = askedOfConfusion.value = pointed.value = null;
  };
}
