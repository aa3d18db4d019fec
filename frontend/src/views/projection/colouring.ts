/** What the colours of a projection's points mean. */

import type { Columns, Snapshot } from "../../api/types";
import { classColour, noColour } from "../../draw/classes";
import { mapColour, roundEnd } from "../../draw/colormap";
import { packColour } from "../../draw/points";
import { tokens } from "../../draw/theme";
import { shortNames } from "../../layout/names";
import { colourOf } from "../../state/colours";
import { conceptOfPanel } from "../../state/concepts";
import { activationOf, columns, layers, rows, snapshot } from "../../state/data";
import {
  classOfRow,
  hasSeveralLabels,
  hasVocabulary,
  labelName,
  nameOf,
  neuronName,
  pinned,
  rowName,
  shortName,
  shortOf,
  subsetsByName,
} from "../../state/derived";
import { membersOf } from "../../state/members";
import { alongRow, expressionKey, type Row, type RowKey, rowKey, subsetKey } from "../../state/rowKeys";
import { type ColourBy, selection } from "../../state/view";
import type { Option } from "../controls/Menu";

/** What the colours of the points mean: named groups, or one number per instance. */
export type Colouring =
  | {
      kind: "groups";
      /** Group per instance, -1 for none. */
      groupOf: Int16Array | Int32Array;
      groups: Group[];
      /** Whether the groups are clusters that get a label in the plot. */
      named: boolean;
    }
  | {
      kind: "numbers";
      values: Float32Array | Int32Array;
      low: number;
      high: number;
      /** Of times: the moment that seconds are counted from. */
      since: string | null;
    };

export interface Group {
  name: string;
  /** As short as a label in the plot. */
  short: string;
  colour: string;
  /** Key of the row that its legend entry hovers; null if there is none. */
  key: RowKey | null;
  /** Its points are crosses, which no other colouring has. */
  cross?: true;
  /** Coloured and listed in the legend; false: grey, because there are too many groups. */
  shown: boolean;
}

/** The most groups that colours can distinguish. */
const MOST = 20;
const MOST_LETTERS = 18;

/** The values of a neuron, or of the direction of a row in the layer; undefined for a colour that names neither. */
function ownValues(by: ColourBy, layer: string): Float32Array | null | undefined {
  if (by.startsWith("neuron:")) return activationOf(by.slice(7)).value.value;
  if (alongRow(by) === null) return undefined;
  const { status, value } = conceptOfPanel(layer).value;
  return status === "failed" ? new Float32Array(columns.value.value?.count ?? 0).fill(NaN) : (value?.values ?? null);
}

/** `known` and `values` are of another snapshot where its instances are coloured, in the shown one's order. */
export function colouringBy(
  by: ColourBy,
  layer: string,
  known: Columns | null = columns.value.value,
  valuesOf = ownValues,
): Colouring | null {
  const shown = snapshot.value.value;
  if (!known || !shown) return null;
  const along = valuesOf(by, layer);
  if (along !== undefined) return along?.length === known.count ? numbers(along) : null;
  if (by === "rows" || (shown.task === "none" && !by.startsWith("column:"))) return byRows(known);
  if (
    by === "correct" ||
    ((hasSeveralLabels(shown.task) || hasVocabulary.value) && (by === "label" || by === "prediction"))
  )
    return byCorrect(known);
  const name = by.startsWith("column:") ? by.slice(7) : by;
  if (name === "label" || name === "prediction") {
    return shown.task === "classification" ? byClass(known, shown, name) : numbers(known[name]);
  }
  const own = name === "score" || name === "loss" || name === "label_score" ? known[name] : null;
  const extra = known.extra.get(name);
  if (extra?.categories) return byCategory(extra.values as Int32Array, extra.categories, name);
  const values = own ?? extra?.values;
  if (extra?.since) return times(extra.values, extra.since);
  return values ? numbers(values) : byClass(known, shown, "label");
}

function byClass(known: Columns, shown: Snapshot, column: "label" | "prediction"): Colouring {
  const classOf = known[column] as Int32Array;
  const count = Math.max(shown.class_names.length, 1 + classOf.reduce((most, value) => Math.max(most, value), -1));
  const shownClasses = new Set(rows.value.map((row) => classOfRow(rowKey(row))).filter((index) => index >= 0));
  // Include the classes of pinned instances.
  const few =
    count <= MOST
      ? null
      : new Set([
          ...(shownClasses.size <= MOST ? shownClasses : []),
          ...pinned.value.map((row) => classOf[row] as number),
        ]);
  const groups = Array.from({ length: count }, (_, index): Group => {
    const name = labelName(index);
    const subset = subsetsByName.value.get(name);
    const its = subset?.kind === "class" ? subset : null;
    const key = !its
      ? null
      : column === "label"
        ? subsetKey(name)
        : expressionKey(its.expression.replace(/^label\b/, "prediction"));
    return { name, short: shortOf(name), colour: classColour(index), key, shown: !few || few.has(index) };
  });
  return { kind: "groups", groupOf: classOf, groups, named: true };
}

function byCorrect({ correct }: Columns): Colouring {
  const correctness = Int16Array.from(correct, (value) => (value === 1 ? 0 : value === 0 ? 1 : -1));
  const key = (kind: string): RowKey | null => {
    const declared = [...subsetsByName.value.values()].find((subset) => subset.kind === kind);
    return declared ? subsetKey(declared.name) : null;
  };
  // Errors have a mark of their own: blue is more active elsewhere, and the accent marks the hover.
  const groups: Group[] = [
    { name: "right", short: "right", colour: noColour(), key: key("correct"), shown: true },
    { name: "wrong", short: "wrong", colour: tokens.value.text, cross: true, key: key("wrong"), shown: true },
  ];
  return { kind: "groups", groupOf: correctness, groups, named: false };
}

function byCategory(categoryOf: Int32Array, categories: string[], column: string): Colouring {
  const plain = /^[A-Za-z_]\w*$/.test(column);
  const short = shortNames(categories, MOST_LETTERS);
  const groups = categories.map(
    (name, index): Group => ({
      name,
      short: short.get(name) ?? name,
      colour: classColour(index),
      key: plain ? expressionKey(`${column} == ${JSON.stringify(name)}`) : null,
      shown: index < MOST,
    }),
  );
  return { kind: "groups", groupOf: categoryOf, groups, named: true };
}

/** An instance in several rows has the colour of the last one. */
function byRows({ count }: Columns): Colouring {
  const rowOf = new Int16Array(count).fill(-1);
  const subsets = rows.value.filter((row): row is Exclude<Row, { kind: "instance" }> => row.kind !== "instance");
  const groups = subsets.map((row, group): Group => {
    const key = rowKey(row);
    membersOf(key)?.forEach((member, i) => {
      if (member === 1) rowOf[i] = group;
    });
    return { name: rowName(row), short: shortName(key), colour: classColour(colourOf(key)), key, shown: group < MOST };
  });
  return { kind: "groups", groupOf: rowOf, groups, named: false };
}

/** From the earliest to the latest, as they are. */
function times(values: Float32Array | Int32Array, since: string): Colouring {
  let high = 0;
  for (const value of values) if (value > high) high = value;
  return { kind: "numbers", values, low: 0, high: high || 1, since };
}

function numbers(values: Float32Array | Int32Array): Colouring {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high && value < Infinity) high = value;
  }
  if (!(low <= high)) return { kind: "numbers", values, low: 0, high: 1, since: null };
  if (low < 0) {
    const end = roundEnd(Math.max(-low, high));
    return { kind: "numbers", values, low: -end, high: end, since: null };
  }
  // A scale from zero would give values far from zero the same colour.
  return {
    kind: "numbers",
    values,
    low: low > high / 2 ? low : 0,
    high: roundEnd(high) >= high * 1.3 ? high : roundEnd(high),
    since: null,
  };
}

/** A pixel per instance; 0: not drawn. `strong` for highlighted instances, which are never grey. */
export function pixelsOf(colouring: Colouring, hidden: ReadonlySet<number>, strong: boolean): Uint32Array {
  const none = packColour(noColour());
  if (colouring.kind === "groups") {
    const table = colouring.groups.map(({ colour, shown }, group) =>
      hidden.has(group) && !strong ? 0 : shown || strong ? packColour(colour) : none,
    );
    return pixels(colouring.groupOf, (group) => (group < 0 ? none : (table[group] ?? none)));
  }
  const { values, low, high } = colouring;
  // Near zero the map has the colour of the background: keep points visible.
  const seen = (share: number): number => (share < 0 ? -0.14 : 0.14) + 0.86 * share;
  const steps = Array.from({ length: 128 }, (_, i) =>
    packColour(mapColour(seen(low < 0 ? (i / 127) * 2 - 1 : i / 127))),
  );
  return pixels(values, (value) =>
    Number.isFinite(value)
      ? (steps[Math.round(Math.max(0, Math.min(1, (value - low) / (high - low || 1))) * 127)] as number)
      : none,
  );
}

/** `Uint32Array.from` takes ten times as long. */
function pixels(values: ArrayLike<number>, pixel: (value: number) => number): Uint32Array {
  const result = new Uint32Array(values.length);
  for (let row = 0; row < result.length; row++) result[row] = pixel(values[row] as number);
  return result;
}

/** Options of the colour select; a neuron and the direction of a row once it is selected anywhere, or chosen here. */
export function colourOptions(selected: ColourBy): Option<ColourBy>[] {
  const [known, shown] = [columns.value.value, snapshot.value.value];
  if (!known || !shown) return [];
  const labelled = shown.task !== "none";
  const options: Option<ColourBy>[] = labelled
    ? hasSeveralLabels(shown.task) || hasVocabulary.value
      ? [{ value: "label", label: "correctness" }]
      : [
          { value: "label", label: "label" },
          { value: "prediction", label: "prediction" },
          { value: "correct", label: "correctness" },
        ]
    : [];
  options.push({ value: "rows", label: "rows" });
  const names = [
    ...["score", "loss", "label_score"].filter((name) => labelled && known[name as "score"].some(Number.isFinite)),
    ...known.extra.keys(),
  ];
  const add = (heading: string, option: Option<ColourBy>): void =>
    void options.push({ ...option, heading: options.some((one) => one.heading === heading) ? undefined : heading });
  for (const name of names) add("Columns", { value: `column:${name}`, label: name.replace("label_score", "p(label)") });
  const now = selection.value;
  const own =
    now?.kind === "subset" ? `along:${now.key}` : now?.kind === "neuron" ? `neuron:${now.neuron} ${now.layer}` : "";
  for (const value of new Set([own, selected].sort())) {
    const key = alongRow(value);
    const [, neuron = "", layer = ""] = /^neuron:(\d+) (.*)$/s.exec(value) ?? [];
    if (key) add("Directions", { value, label: `direction of ${nameOf(key)}` });
    else if (layers.value.has(layer))
      add("Neurons", { value, label: neuronName(layer, Number(neuron)), detail: layer });
  }
  return options;
}
