/** Resources of rows over the training steps: of one neuron, or of all. */

import { signal } from "@preact/signals";
import type { HistoryPart, SnapshotRef } from "../api/source";
import type { History, RowQuery } from "../api/types";
import { steps } from "./currentSnapshot";
import { currentSource, layers, rows, shownSnapshot } from "./data";
import { Requests, type Resource, resource } from "./loads";
import { parseRowKey, type RowKey } from "./rowKeys";
import { rowQuery } from "./rows";
import { statistic } from "./statistics";

export interface HistoryQuery extends SnapshotRef, HistoryPart {
  layer: string;
  rows: RowQuery[];
}

const histories = new Requests(
  ({ run, step, layer, rows, ...part }: HistoryQuery, abort): Promise<History> =>
    currentSource().history({ run, step }, layer, rows, part, abort),
  32,
);

/** The step at which a history was first asked for, by all else that its query says. */
const asked = new Map<string, number>();
const MOST_ASKED = 200;

/**
 * A history is of all steps, whichever is shown: moving the step asks for nothing again, unless a row is an instance,
 * whose index is that of the step shown.
 */
function query(layer: string, queried: RowQuery[], part: HistoryPart): HistoryQuery | null {
  const place = shownSnapshot.value;
  if (!place || queried.length === 0 || !layers.value.has(layer)) return null;
  const whole = { ...place, layer, rows: queried, ...part };
  if (queried.some((row) => "instance" in row)) return whole;
  const key = JSON.stringify({ ...whole, step: null });
  const before = asked.get(key);
  if (before !== undefined && steps.value.some(({ step, problem }) => step === before && problem === null))
    return { ...whole, step: before };
  if (asked.size >= MOST_ASKED) asked.clear();
  asked.set(key, place.step);
  return whole;
}

/** The most steps that a chart of lines shows. */
const MOST_STEPS = 300;

/** The history of a neuron that is drawn; null: none. */
export const drawnHistory = signal<{ history: History; query: HistoryQuery } | null>(null);

/** The statistic shown, of every row, for one neuron. */
export function neuronHistory(subject: () => { layer: string; neuron: number }): Resource<HistoryQuery, History> {
  return resource(() => {
    const { layer, neuron } = subject();
    return query(layer, rows.value.map(rowQuery), { neuron, statistic: statistic.value, most: MOST_STEPS });
  }, histories);
}

/** The statistic shown, of one row, for all neurons, at no more steps than `most`. */
export function rowHistory(
  layer: string,
  subject: () => { row: RowKey; most: number } | null,
): Resource<HistoryQuery, History> {
  return resource(() => {
    const wanted = subject();
    const row = wanted && parseRowKey(wanted.row);
    return row && query(layer, [rowQuery(row)], { statistic: statistic.value, most: Math.max(2, wanted.most) });
  }, histories);
}
