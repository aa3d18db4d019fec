/** Assigns colours to subsets. */

import { computed, type ReadonlySignal } from "@preact/signals";
import { rows, snapshot } from "./data";
import { classOfRow } from "./derived";
import { type RowKey, rowKey, subsetKey } from "./rowKeys";

/** Size of the palette. Every subset has one index into it, used in all views. */
export const COLOURS = 20;

/** Declared subsets that are not classes get the indices after the classes, in the order of declaration. */
const declared: ReadonlySignal<ReadonlyMap<RowKey, number>> = computed(() => {
  const shown = snapshot.value.value;
  const own = shown?.subsets.filter(({ kind }) => kind !== "class" && kind !== "all") ?? [];
  return new Map(own.map(({ name }, i) => [subsetKey(name), ((shown?.class_names.length ?? 0) + i) % COLOURS]));
});

const expressions: ReadonlySignal<ReadonlyMap<RowKey, number>> = computed(
  () =>
    new Map(
      rows.value.flatMap((row) =>
        row.kind === "expression" && row.colour !== undefined ? [[rowKey(row), row.colour] as const] : [],
      ),
    ),
);

/** Palette index of a row that is a subset; -1 (grey) for all instances together and for anything else. */
export function colourOf(key: RowKey): number {
  const index = classOfRow(key);
  return index >= 0 ? index : (declared.value.get(key) ?? expressions.value.get(key) ?? -1);
}

/** The first index after the classes that no other subset uses. */
export function freeColour(): number {
  const used = new Set([...declared.peek().values(), ...expressions.peek().values()]);
  const classes = snapshot.peek().value?.class_names.length ?? 0;
  for (let i = 0; i < COLOURS; i++) if (!used.has((classes + i) % COLOURS)) return (classes + i) % COLOURS;
  return (classes + used.size) % COLOURS;
}
