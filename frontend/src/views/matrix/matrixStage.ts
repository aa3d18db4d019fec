/** State of one layer's matrix: the model that is drawn, its size, scroll position and cursor. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Matrix, RowEffects, StatisticInfo } from "../../api/types";
import { arrow, integer, short } from "../../draw/format";
import { withRow } from "../../draw/matrixAppend";
import { Pyramid } from "../../draw/matrixPyramid";
import { drawnScale, type MatrixScale, matrixScale } from "../../draw/matrixScale";
import type { ColumnView } from "../../layout/matrix";
import {
  BLOCKS,
  type BlockName,
  clampView,
  type Hit,
  LABELS,
  type MatrixShape,
  matrixShape,
} from "../../layout/matrix";
import { getOrInsert } from "../../lib/getOrInsert";
import { comparedSnapshot } from "../../state/currentSnapshot";
import { columns, layers, rows, snapshot } from "../../state/data";
import { labelName, nameOf, scaleOf, shortName, shortOf, subsetsByName } from "../../state/derived";
import type { Resource } from "../../state/loads";
import { sortedEffectsOf } from "../../state/marginEffects";
import {
  compareMatrixOf,
  compareTypedMatrixOf,
  type MatrixQuery,
  matrixOf,
  numbersOf,
  typedMatrixOf,
} from "../../state/matrices";
import { inPairs } from "../../state/neuronPairs";
import { isInstanceKey, type RowKey, rowKey } from "../../state/rowKeys";
import { keyOf } from "../../state/rows";
import { statisticInfo } from "../../state/statistics";
import { typedRow } from "../../state/typed";
import { compareMode, panel } from "../../state/view";

/**
 * An answer, prepared for drawing. Its rows are those of the answer, not the latest ones requested: an old picture
 * keeps its labels.
 */
export interface MatrixModel {
  matrix: Matrix;
  /** The query that the matrix answers. */
  matrixQuery: MatrixQuery;
  keys: RowKey[];
  /** Indices in the matrix of the rows of single instances, and of the subsets. */
  pinned: number[];
  subsets: number[];
  /** Index of the row of what is typed, which is the last one; none: empty. */
  typed: number[];
  /** Sorted position of every neuron. */
  places: Int32Array;
  statistic: StatisticInfo;
  scale: MatrixScale;
  pyramid: Pyramid;
  /** The same rows and neurons of the compared snapshot; null if there is none. */
  other: Matrix | null;
  /** What is drawn, upper half of a row first; in difference mode only the difference. */
  pyramids: Pyramid[];
  difference: boolean;
  /** Indices of the rows A and B that the neurons are sorted by; -1: none. */
  a: number;
  b: number;
}

export type Spot = Hit;

/** Preact adds no unit to numbers. */
export const px = (value: number): string => `${value}px`;

/** State of one layer's matrix. */
export interface Stage {
  layer: string;
  size: Signal<{ width: number; height: number }>;
  scroll: Signal<Record<BlockName, number>>;
  /** The cell under the pointer. */
  pointed: Signal<Spot | null>;
  /** The cell with the keyboard focus; `place` -1 is the row's label. */
  cursor: Signal<Spot | null>;
  /** The cell or column that the tooltip describes: under the pointer, else focused. */
  describedCell: ReadonlySignal<Spot | null>;
  model: ReadonlySignal<MatrixModel | null>;
  shape: ReadonlySignal<MatrixShape | null>;
  view: ReadonlySignal<ColumnView>;
  /** What each neuron does to the margin of the row that they are sorted by; null: they are not, or it is not known yet. */
  margin: ReadonlySignal<RowEffects | null>;
  /** Numbers of the described cell, if the matrix was sent as colour levels. */
  numbers: Resource<MatrixQuery, Matrix>;
}

const NOTHING = new Float32Array();
const models = new Map<string, ReadonlySignal<MatrixModel | null>>();

/** The newest answer for a layer, with its scale; shared by legend, cells and tooltip. */
export function modelOf(layer: string): ReadonlySignal<MatrixModel | null> {
  return getOrInsert(models, layer, () => {
    // Separate signals for answer and query: a change of the load's status then recomputes nothing.
    const answer = computed(() => matrixOf(layer).value.value);
    const query = computed(() => matrixOf(layer).value.query);
    const compared = computed(() =>
      comparedSnapshot.value ? inPairs(layer, compareMatrixOf(layer).value.value) : null,
    );
    const typed = computed(() => (typedRow.value === null ? null : typedMatrixOf(layer).value));
    const comparedTyped = computed(() =>
      comparedSnapshot.value ? inPairs(layer, compareTypedMatrixOf(layer).value.value) : null,
    );
    return computed(() => {
      const [matrix, shownQuery, other] = [answer.value, query.value, compared.value];
      const alike =
        other &&
        matrix &&
        shownQuery &&
        !matrix.quantized &&
        other.neurons === matrix.neurons &&
        other.count === matrix.count &&
        other.statistics[shownQuery.statistic]
          ? other
          : null;
      if (!matrix || !shownQuery) return null;
      const [row, added] = [typed.value?.value, typed.value?.query?.rows[0]];
      const [otherRow, { statistic }] = [comparedTyped.value, shownQuery];
      const fits = row?.neurons === matrix.neurons && row.statistics[statistic];
      if (!fits || !added || (alike && otherRow?.neurons !== matrix.neurons))
        return model(layer, matrix, shownQuery, alike, false);
      return model(
        layer,
        withRow(matrix, row, statistic),
        { ...shownQuery, rows: [...shownQuery.rows, added] },
        alike && otherRow && withRow(alike, otherRow, statistic),
        true,
      );
    });
  });
}

function model(
  layer: string,
  matrix: Matrix,
  shownQuery: MatrixQuery,
  other: Matrix | null,
  isTyped: boolean,
): MatrixModel {
  const { rows: queried, sort: by, statistic: shown } = shownQuery;
  const sort: { by: string; a?: number; b?: number } = by;
  const info = layers.value.get(layer);
  const keys = queried.slice(0, matrix.count).map(keyOf);
  const pinned = keys.flatMap((key, i) => (isInstanceKey(key) ? [i] : []));
  const typed = isTyped ? [keys.length - 1] : [];
  const subsets = keys.flatMap((key, i) => (isInstanceKey(key) || i === typed[0] ? [] : [i]));
  const difference = other !== null && compareMode.value === "difference";
  const statistic = statisticInfo(shown);
  const [own, its] = [matrix, other].map((one) => one?.statistics[shown] ?? NOTHING) as [Float32Array, Float32Array];
  const values = matrix.quantized ?? (difference ? own.map((value, i) => value - its[i]!) : own);
  const scale = matrix.scale
    ? drawnScale(matrix.scale, matrix.count * matrix.neurons, matrix.offset, matrix.factor)
    : matrixScale({
        values: values as Float32Array,
        neurons: matrix.neurons,
        count: matrix.count,
        kind: difference ? "raw" : info ? scaleOf(info) : "z",
        reference: subsets.length > 1 ? subsets : [...pinned, ...subsets],
        signed: difference || ((info?.signed ?? false) && statistic.signed),
        end: difference ? undefined : (statistic.end ?? undefined),
      });
  const places = new Int32Array(matrix.neurons);
  for (const [place, neuron] of matrix.order.entries()) places[neuron] = place;
  const pyramid = new Pyramid(values, matrix.order, scale, matrix.drawn);
  return {
    matrix,
    matrixQuery: shownQuery,
    keys,
    pinned,
    subsets,
    typed,
    places,
    statistic,
    scale,
    pyramid,
    other,
    difference,
    pyramids: other && !difference ? [pyramid, new Pyramid(its, matrix.order, scale)] : [pyramid],
    a: sort.a ?? -1,
    b: sort.b ?? -1,
  };
}

export function stageOf(layer: string): Stage {
  const size = signal({ width: 0, height: 0 });
  const model = modelOf(layer);
  const margin = computed(() => {
    const [{ value, query }, now] = [sortedEffectsOf(layer).value, model.value];
    const row = now && now.b < 0 ? now.keys[now.a] : undefined;
    if (!value || !query || !now || row === undefined || keyOf(query.row) !== row) return null;
    const { run, step, sort } = now.matrixQuery;
    // Where there are none, that is said to those who asked for them.
    const shown = value.estimate.method !== "none" || sort.by === "effect";
    return shown && query.run === run && query.step === step && value.effect.length === now.matrix.neurons
      ? value
      : null;
  });
  const shape = computed(() => {
    const [{ width, height }, now] = [size.value, model.value];
    if (!now || width === 0) return null;
    return matrixShape({
      width,
      height,
      pinned: now.pinned.length,
      typed: now.typed.length > 0,
      subsets: now.subsets.length,
      effect: now.matrix.effect !== null || margin.value !== null,
      labels: Math.min(labelWidth.value, Math.max(LABELS, Math.round(width * 0.4))),
    });
  });
  const view = computed(() => {
    const neurons = model.value?.matrix.neurons ?? 1;
    return clampView(panel(layer).columns.value ?? { first: 0, span: neurons }, neurons);
  });
  const [pointed, cursor] = [signal<Spot | null>(null), signal<Spot | null>(null)];
  const describedCell = computed(() => [pointed.value, cursor.value].find((spot) => spot && spot.place >= 0) ?? null);
  const numbers = numbersOf(() => {
    const [spot, now] = [describedCell.value, model.value];
    const neuron = now && spot ? now.matrix.order[spot.place] : undefined;
    if (!now?.matrix.quantized || !spot || neuron === undefined) return null;
    const { scale: _, drawn: __, ...cellQuery } = now.matrixQuery;
    const rows = [...new Set([rowAt(now, spot), now.a, now.b])].flatMap((at) => cellQuery.rows[at] ?? []);
    return rows.length > 0 ? { ...cellQuery, rows, sort: { by: "index" }, window: [neuron, neuron + 1] } : null;
  });
  return {
    layer,
    size,
    scroll: signal({ pinned: 0, typed: 0, subsets: 0 }),
    pointed,
    cursor,
    describedCell,
    model,
    shape,
    view,
    margin,
    numbers,
  };
}

/** Value and deviation of a cell; null until loaded, if the matrix was sent as colour levels. */
export function cellOf(
  { numbers }: Stage,
  { matrix, matrixQuery, statistic }: MatrixModel,
  at: number,
  neuron: number,
): { value: number; deviation: number } | null {
  let [from, i] = [matrix, at * matrix.neurons + neuron];
  if (matrix.quantized) {
    const { value, query } = numbers.value;
    if (
      !value ||
      query?.window?.[0] !== neuron ||
      query.statistic !== statistic.name ||
      query.step !== matrixQuery.step ||
      query.run !== matrixQuery.run
    )
      return null;
    const own = JSON.stringify(matrixQuery.rows[at]);
    [from, i] = [value, query.rows.findIndex((row) => JSON.stringify(row) === own)];
    if (i < 0) return null;
  }
  const { [statistic.name]: values, std } = from.statistics;
  return { value: values?.[i] ?? NaN, deviation: std?.[i] ?? NaN };
}

export function rowAt(model: MatrixModel, { block, row }: Spot): number {
  return (block === null ? [] : model[block])[row] ?? -1;
}

/** Block of a row, and its index within it. */
export function spotOf(model: MatrixModel, key: RowKey): { block: BlockName; row: number } | null {
  const row = model.keys.indexOf(key);
  const block = row < 0 ? undefined : BLOCKS.find((name) => model[name].includes(row));
  return block ? { block, row: model[block].indexOf(row) } : null;
}

/** "8 → 3" and whether that is wrong; null while unknown. */
export function verdict(row: number): { text: string; wrong: boolean } | null {
  const known = columns.value.value;
  if (!known || row >= known.count) return null;
  const [label, prediction] = [labelName(known.label[row]), labelName(known.prediction[row])];
  if (label === "–" && prediction === "–") return null;
  // A ranking has no prediction on the label's scale, only a score.
  if (snapshot.value.value?.task === "ranking") return { text: `score ${short(known.score[row])}`, wrong: false };
  return {
    text: prediction === "–" ? label : arrow(shortOf(label), shortOf(prediction)),
    wrong: known.correct[row] === 0,
  };
}

/** Width of the row labels, the same in all panels. */
const labelWidth: ReadonlySignal<number> = computed(() => {
  const text = (words: string, font: string): number => {
    pen ??= document.createElement("canvas").getContext("2d");
    if (!pen) return words.length * 7;
    pen.font = `${font} Roboto, "Helvetica Neue", Arial, sans-serif`;
    return pen.measureText(words).width;
  };
  let widest = LABELS;
  for (const row of rows.value) {
    const side =
      row.kind === "instance"
        ? verdict(row.index)?.text
        : integer(row.kind === "subset" ? subsetsByName.value.get(row.name)?.count : snapshot.value.value?.sample_size);
    widest = Math.max(widest, 36 + text(shortName(rowKey(row)), "500 12px") + 22 + text(side ?? "", "12px") + 6);
  }
  return Math.min(260, Math.ceil(widest));
});
let pen: CanvasRenderingContext2D | null = null;

/** The name of a row of the matrix; empty if there is no such row. */
/** The name of A or B; a direction is from the mean of all that is not in A. */
export function nameAt({ keys }: MatrixModel, row: number): string {
  const key = keys[row];
  return key === undefined ? "rest" : nameOf(key);
}

/** What the bars above the columns are, where they are not effects on a margin. */
export const barsOf = ({ b }: MatrixModel): string => (b < 0 ? "weight" : "effect size");
