/**
 * Every action of a user on the state. Views call these; they write no signal themselves but their own panel's zoom and
 * colour.
 */

import { batch, effect } from "@preact/signals";
import type { SnapshotRef } from "../api/source";
import { idExpression, MOST_IDS } from "./buildExpression";
import type { ClassOrder } from "./classOrder";
import { freeColour } from "./colours";
import { nearest, runs, step } from "./currentSnapshot";
import { columns, layers, orderClassesAnew, orderedClasses, rows, snapshot, whereOf } from "./data";
import { letters, openLayers, rowName, sort } from "./derived";
import { clearHover } from "./hover";
import { type Picked, picked } from "./members";
import { expressionKey, parseRowKey, type Row, type RowKey, rowKey } from "./rowKeys";
import type { Sort } from "./rows";
import { shownExpression, typedRow } from "./typed";
import {
  CLOSED,
  type ColourBy,
  type Compare,
  chosenDetailLayer,
  chosenLayers,
  chosenRows,
  chosenRun,
  chosenSort,
  chosenStatistic,
  chosenStep,
  classOrder,
  compare,
  expression,
  findingsPlace,
  type InstancesTab,
  instancesTab,
  type LadderFigure,
  ladderFigure,
  type Method,
  orderStep,
  panel,
  type Scale,
  type Selection,
  scale,
  selection,
  wantedLayer,
} from "./view";

/** Keeps a chosen step, or the nearest one that the other run has. */
export function chooseRun(name: string): void {
  const runSteps = runs.peek()?.runs.find((info) => info.name === name)?.steps ?? [];
  batch(() => {
    chosenRun.value = name;
    orderStep.value = null;
    if (chosenStep.peek() !== null) chosenStep.value = nearest(runSteps, chosenStep.peek() ?? 0)?.step ?? null;
  });
}

/** The order of clustered neurons stays that of the step shown before. */
export function chooseStep(next: number): void {
  batch(() => {
    orderStep.value ??= step.peek()?.step ?? null;
    chosenStep.value = next;
  });
}

export function chooseCompare(next: Compare | null): void {
  compare.value = next;
}

export function openLayer(name: string): void {
  if (layers.peek().has(name) && !openLayers.peek().includes(name)) chosenLayers.value = [...openLayers.peek(), name];
}

/** Opens a layer's panel, and shows where in the graph it is. */
export function showLayer(name: string): void {
  openLayer(name);
  wantedLayer.value = name;
}

export function closeLayer(name: string): void {
  chosenLayers.value = openLayers.peek().filter((open) => open !== name);
}

export function toggleLayer(name: string): void {
  if (openLayers.peek().includes(name)) closeLayer(name);
  else openLayer(name);
}

/** Inserts instances above the subsets; a row that already exists stays where it is. */
export function addRow(added: Row): void {
  const now = rows.peek();
  const row = added.kind === "expression" ? { ...added, colour: added.colour ?? freeColour() } : added;
  if (now.some((other) => rowKey(other) === rowKey(row))) return;
  const place = row.kind === "instance" ? now.findLastIndex((other) => other.kind === "instance") + 1 : now.length;
  chosenRows.value = now.toSpliced(place, 0, row);
}

export function removeRow(key: RowKey): void {
  batch(() => {
    chosenRows.value = rows.peek().filter((row) => rowKey(row) !== key);
    const rule = sort.peek();
    if (("a" in rule && rule.a === key) || ("b" in rule && rule.b === key)) chosenSort.value = null;
    clearHover();
  });
}

/** Renames a row. Only rows of expressions have a name of their own. */
export function renameRow(key: RowKey, name: string): void {
  chosenRows.value = rows
    .peek()
    .map((row) =>
      rowKey(row) === key && row.kind === "expression" ? { ...row, name: name.trim() || undefined } : row,
    );
}

/** Moves a row before the one that is at `place` now. */
export function moveRow(key: RowKey, place: number): void {
  const now = rows.peek();
  const from = now.findIndex((row) => rowKey(row) === key);
  const row = now[from];
  if (!row) return;
  const without = now.toSpliced(from, 1);
  chosenRows.value = without.toSpliced(place > from ? place - 1 : place, 0, row);
}

export function resetRows(): void {
  chosenRows.value = null;
}

export function addExpressionRow(expression: string, name?: string): void {
  const text = expression.trim();
  if (text) addRow({ kind: "expression", expression: text, name });
}

/** Replaces the subset of an expression row; sorting and selection follow. */
export function replaceRow(key: RowKey, row: Row & { kind: "expression" }): void {
  const next = rowKey(row);
  const now = rows.peek();
  const [rule, selected] = [sort.peek(), selection.peek()];
  const follow = (old: RowKey): RowKey => (old === key ? next : old);
  batch(() => {
    chosenRows.value = now
      .filter((other) => rowKey(other) === key || rowKey(other) !== next)
      .map((other) => (rowKey(other) === key ? row : other));
    if (rule.by === "difference") chosenSort.value = { by: "difference", a: follow(rule.a), b: follow(rule.b) };
    else if ("a" in rule) chosenSort.value = { by: rule.by, a: follow(rule.a) };
    if (selected?.kind === "subset") select({ kind: "subset", key: follow(selected.key) });
    clearHover();
  });
}

/**
 * Whether the picked instances can become a row: they share an expression, or they or their complement are few enough
 * to be listed by id.
 */
export function isListable(): boolean {
  const [set, known] = [picked.value, columns.value.value];
  return (
    !!set &&
    !!known &&
    (set.expression !== undefined || Math.min(set.indices.length, known.count - set.indices.length) <= MOST_IDS)
  );
}

/** The expression of the picked instances: the one they share, else a list of ids. Null: too many to be listed. */
function pickedExpression(): string | null {
  const [set, known] = [picked.peek(), columns.peek().value];
  if (!set || !known) return null;
  if (set.expression !== undefined) return set.expression;
  if (!isListable()) return null;
  const inside = new Set(set.indices);
  const others = known.ids.filter((_, index) => !inside.has(index));
  const numeric = snapshot.value.value?.columns.find(({ name }) => name === "id")?.type === "number";
  return idExpression(
    Array.from(set.indices, (index) => known.ids[index] ?? ""),
    others,
    numeric,
  );
}

/**
 * Turns the picked instances into a row and clears the picked set. Returns its key; null if they are too many to be
 * listed.
 */
export function addPickedRow(name?: string): RowKey | null {
  const [set, expression] = [picked.peek(), pickedExpression()];
  if (!set || expression === null) return null;
  batch(() => {
    addRow({ kind: "expression", expression, name: name ?? unlike(set.name) });
    pick(null);
  });
  return expressionKey(expression);
}

/** A name that no other row has: "lasso", "lasso 2", … */
function unlike(name: string): string {
  const taken = new Set(rows.peek().map(rowName));
  let [own, number] = [name, 2];
  while (taken.has(own)) own = `${name} ${number++}`;
  return own;
}

let stopFollowing: (() => void) | null = null;

export function pick(next: Picked | null): void {
  stopFollowing?.();
  stopFollowing = null;
  picked.value = next && next.indices.length > 0 ? next : null;
}

/** Picks the instances that match an expression, also after the step or run changes, until something else is picked. */
export function pickWhere(expression: string, name: string): void {
  pick(null);
  const matching = whereOf(expression);
  stopFollowing = effect(() => {
    const { value } = matching.value;
    picked.value = value && value.indices.length > 0 ? { name, expression, indices: value.indices } : null;
  });
}

export function pinInstance(index: number): void {
  addRow({ kind: "instance", index });
}

/** A click on an instance anywhere: adds it as a row and shows it in the drawer. */
export function clickInstance(index: number): void {
  batch(() => {
    pinInstance(index);
    select({ kind: "instance", index });
  });
}

/** Shows something in the drawer, whose place the list of findings leaves. */
export function select(next: Selection | null): void {
  batch(() => {
    selection.value = next;
    if (next) closeFindings();
  });
}

/** Gives the drawer its place back. What was found stays in the line above the panels. */
export function closeFindings(): void {
  if (findingsPlace.peek().open) findingsPlace.value = CLOSED;
}

export function selectNeuron(layer: string, neuron: number): void {
  select({ kind: "neuron", layer, neuron });
}

export function chooseDetailLayer(name: string): void {
  chosenDetailLayer.value = name;
}

/** Sorts the neurons, by the step shown; null: by the default. */
export function sortBy(rule: Sort | null): void {
  batch(() => {
    orderStep.value = null;
    chosenSort.value = rule;
  });
}

/**
 * Makes a row A or B, or takes the letter away from it. With both, the neurons are sorted by the difference of the two.
 * Where no row is A, what is typed becomes it; what is typed and has a letter becomes a row. Without A there is no B.
 */
export function chooseLetter(letter: "a" | "b", key: RowKey): void {
  const typed = typedRow.peek();
  const now = { ...letters.peek() };
  if (letter === "b") now.a ??= typed === key ? null : typed;
  if (letter === "b" && now.a === null) return;
  const next = { ...now, [letter]: now[letter] === key ? null : key };
  const other = letter === "a" ? "b" : "a";
  // The row of the other letter changes places with this one.
  if (next[letter] !== null && next[other] === key) next[other] = now[letter];
  const { a, b } = next;
  batch(() => {
    if (typed !== null && (a === typed || b === typed)) {
      addExpressionRow(shownExpression.peek());
      expression.value = "";
    }
    if (a !== null && b !== null) sortBy({ by: "difference", a, b });
    else sortBy(a === null && b === null ? null : { by: "row", a: (a ?? b) as RowKey });
  });
}

/**
 * A click on a row's name sorts by it, a second click on the same name by the default again; with shift, by the
 * difference of the two.
 */
export function clickRowName(key: RowKey, shift: boolean): void {
  const { a, b } = letters.peek();
  if (shift && a !== null && a !== key) sortBy({ by: "difference", a, b: key });
  else sortBy(a === key && b === null ? null : { by: "row", a: key });
}

/** Orders the classes; rows that the user chose are ordered with them. */
export function chooseClassOrder(order: ClassOrder): void {
  batch(() => {
    classOrder.value = order;
    orderClassesAnew();
    const now = chosenRows.peek();
    if (!now) return;
    const places = new Map(orderedClasses.value.map(({ name }, place) => [name, place]));
    const placeOf = (row: Row): number | undefined => (row.kind === "subset" ? places.get(row.name) : undefined);
    const classes = now.filter((row) => placeOf(row) !== undefined).sort((a, b) => placeOf(a)! - placeOf(b)!);
    chosenRows.value = now.map((row) => (placeOf(row) === undefined ? row : classes.shift()!));
  });
}

/** Spreads a row over the steps below the matrix of each of these layers; null: none. */
export function spreadRow(key: RowKey | null, layerNames: readonly string[]): void {
  batch(() => {
    for (const name of layerNames) panel(name).over.value = key;
  });
}

/** Colours the points of layers. */
export function colourBy(colour: ColourBy, layerNames: readonly string[]): void {
  batch(() => {
    for (const name of layerNames) panel(name).colour.value = colour;
  });
}

export function chooseStatistic(next: string): void {
  chosenStatistic.value = next;
}

export function chooseScale(next: Scale): void {
  scale.value = next;
}

export function chooseLadderFigure(next: LadderFigure): void {
  ladderFigure.value = next;
}

/** Asks what tells two rows apart: they become A and B, and rows if they are none. */
export function compareRows(a: RowKey, b: RowKey): void {
  batch(() => {
    for (const row of [a, b].map(parseRowKey)) if (row) addRow(row);
    sortBy({ by: "difference", a, b });
  });
}

export function chooseTab(next: InstancesTab): void {
  instancesTab.value = next;
}

export function chooseMethod(layer: string, method: Method): void {
  panel(layer).method.value = method;
}

/** Stays at this run and step when newer ones have appeared and the user has not chosen any. */
export function holdPlace(place: SnapshotRef): void {
  batch(() => {
    chosenRun.value ??= place.run;
    chosenStep.value ??= place.step;
  });
}
