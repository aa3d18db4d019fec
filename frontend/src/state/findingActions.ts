/** What a user does with findings: goes through them, opens one, hides one. */

import { batch } from "@preact/signals";
import type { Listed } from "../draw/findingWords";
import { addRow, chooseStep, closeFindings, moveRow, pick, select, showLayer, sortBy } from "./actions";
import { idExpression, MOST_IDS, negated } from "./buildExpression";
import { comparedInstances } from "./compared";
import { currentSnapshot, run } from "./currentSnapshot";
import { rows, snapshot } from "./data";
import { detailLayer, openLayers, subsetsByName } from "./derived";
import { type Entry, foundColumns, foundPlace, shownEntry, visible } from "./foundFindings";
import { expressionKey, type Row, type RowKey, rowKey } from "./rowKeys";
import { chosenFinding, findingsPlace, hiddenFindings, panel } from "./view";

/** Opens the list in the drawer's place. */
export function openFindings(): void {
  findingsPlace.value = { open: true, step: null, row: null };
}

export function toggleFindings(): void {
  if (findingsPlace.peek().open) closeFindings();
  else openFindings();
}

/** Says and shows one, without changing what is drawn. */
export function showFinding(key: string): void {
  batch(() => {
    chosenFinding.value = key;
    const { open, step, row } = findingsPlace.peek();
    if (open && row !== null) findingsPlace.value = { open, step, row: null };
  });
}

/** The one before or after the one shown, without an end. */
export function stepFinding(by: number): void {
  const list = visible.peek().filter(({ side }) => side !== "new" || findingsPlace.peek().open);
  const at = list.findIndex(({ key }) => key === shownEntry.peek()?.key);
  const next = list[at < 0 ? (by > 0 ? 0 : list.length - 1) : (at + by + list.length) % list.length];
  if (next) showFinding(next.key);
}

export function hideFinding(key: string): void {
  const list = visible.peek();
  const at = list.findIndex((one) => one.key === key);
  batch(() => {
    hiddenFindings.value = [...(hiddenFindings.peek() ?? []).filter((one) => one !== key), key];
    if (shownEntry.peek()?.key === key || chosenFinding.peek() === key)
      chosenFinding.value = (list[at + 1] ?? list[at - 1])?.key ?? null;
  });
}

export function unhideFinding(key: string): void {
  const rest = (hiddenFindings.peek() ?? []).filter((one) => one !== key);
  hiddenFindings.value = rest.length > 0 ? rest : null;
}

/** Kinds of which something happens at a step, to which opening them goes. */
const EVENTS: readonly string[] = ["spike", "drift", "exploding", "collapsed", "dead"];
/** Kinds whose instances are told from the rest. */
const AGAINST_REST: readonly string[] = ["failing-slice", "error-region", "shortcut"];

/** The instances of a finding as an expression; null where it is about all, or about too many to be listed. */
function expressionOf({ finding, side }: Entry): string | null {
  if (finding.subset !== null && finding.kind !== "error-region") return finding.subset;
  const known = (side === "new" ? comparedInstances : foundColumns).peek().value;
  const { instances } = finding;
  if (!known || instances.length === 0 || instances.length > MOST_IDS) return null;
  const numeric = snapshot.peek().value?.columns.find(({ name }) => name === "id")?.type === "number";
  return idExpression(
    instances.map((index) => known.ids[index] ?? ""),
    [],
    numeric,
  );
}

function nameOf({ kind, title, layer }: Listed): string | undefined {
  if (kind === "failing-slice") return title.replace(/ fails$/, "");
  if (kind === "label-suspect") return "suspect labels";
  return kind === "error-region" ? `errors in ${layer}` : undefined;
}

/** What the instances of a shortcut are compared with: those of the same labels without its condition. */
function restOf(expression: string, { kind, target }: Listed): string {
  const own = kind === "shortcut" ? /^(.*)( and label != .*)$/s.exec(expression) : null;
  return own && target !== null ? `${negated(own[1]!)}${own[2]}` : negated(expression);
}

/** The rows that show a finding: its instances, and what they are compared with. */
export function rowsOf(entry: Entry): { a: Row; b: Row | null } | null {
  const { finding } = entry;
  if (finding.kind === "confusion") {
    const [label, prediction] = finding.title.split(" is taken for ");
    const [a, b] = [label, prediction].map((name) => subsetsByName.peek().get(name ?? ""));
    return a && b ? { a: { kind: "subset", name: a.name }, b: { kind: "subset", name: b.name } } : null;
  }
  const expression = expressionOf(entry);
  if (expression === null) return null;
  const name = nameOf(finding);
  const a: Row = { kind: "expression", expression, ...(name !== undefined && { name }) };
  if (!AGAINST_REST.includes(finding.kind)) return { a, b: null };
  const rest = restOf(expression, finding);
  return { a, b: { kind: "expression", expression: rest, ...(name !== undefined && { name: `not ${name}` }) } };
}

/** Makes the rows of a finding, which become A and B where there are two. */
export function addFindingRows(entry: Entry): void {
  const made = rowsOf(entry);
  if (!made) return;
  batch(() => {
    // First, where they are seen; what is a row already stays where it is.
    const known = new Set(rows.peek().map(rowKey));
    const first = rows.peek().findIndex(({ kind }) => kind !== "instance");
    for (const row of [made.b, made.a]) {
      if (!row || known.has(rowKey(row))) continue;
      addRow(row);
      if (first >= 0) moveRow(rowKey(row), first);
    }
    if (made.b) sortBy({ by: "difference", a: rowKey(made.a), b: rowKey(made.b) });
  });
}

/** The step that opening a finding shows. */
function stepOf({ finding, side }: Entry, listed: number): number | null {
  if (side === "new") return null;
  const first = run.peek()?.steps[0]?.step;
  return EVENTS.includes(finding.kind) && finding.step !== null && finding.step !== first ? finding.step : listed;
}

/** Makes the rows, opens the layer, moves the step, marks and selects the instances: one change, which Back undoes. */
export function openFinding(entry: Entry): void {
  const { finding, key } = entry;
  const [now, listed] = [currentSnapshot.peek(), foundPlace.peek()];
  if (!now || !listed) return;
  batch(() => {
    addFindingRows(entry);
    const layer = finding.layer ?? detailLayer.peek();
    if (layer !== null && (finding.layer !== null || openLayers.peek().length === 0)) showLayer(layer);
    const step = stepOf(entry, listed.step);
    if (step !== null && step !== now.step) chooseStep(step);
    if (AGAINST_REST.includes(finding.kind) && layer !== null) panel(layer).colour.value = "correct";
    const row = markedBy(entry);
    pick(null);
    if (finding.neurons.length > 0 && finding.layer !== null) {
      select({ kind: "neuron", layer: finding.layer, neuron: finding.neurons[0]! });
      sortBy({ by: "strongest" });
    } else if (row !== null) select({ kind: "subset", key: row });
    findingsPlace.value = { open: true, step: step === null || step === listed.step ? null : listed.step, row };
    chosenFinding.value = key;
  });
}

/** The row whose instances a finding is about. */
function markedBy(entry: Entry): RowKey | null {
  const { finding } = entry;
  const expression = expressionOf(entry);
  return expression === null || finding.neurons.length > 0 ? null : expressionKey(expression);
}
