import { computed, type ReadonlySignal } from "@preact/signals";
import { classOfRow } from "./chosen";
import { rows, snapshot } from "./data";
import { type RowKey, rowKey, subsetKey } from "./rowKeys";

/** One colour per subset, wherever it stands: places in the palette of the classes, of which there are this many. */
export const COLOURS = 20;

/** Declared subsets that are no classes have those after the classes', in the order in which they were declared. */
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

/** Place in the palette of a row that is a subset; -1, grey, for all instances together and for what is no row. */
export function colourOf(key: RowKey): number {
  const index = classOfRow(key);
  return index >= 0 ? index : (declared.value.get(key) ?? expressions.value.get(key) ?? -1);
}

/** The first colour after the classes' that no other subset has. */
export function freeColour(): number {
  const used = new Set([...declared.peek().values(), ...expressions.peek().values()]);
  const classes = snapshot.peek().value?.class_names.length ?? 0;
  for (let i = 0; i < COLOURS; i++) if (!used.has((classes + i) % COLOURS)) return (classes + i) % COLOURS;
  return (classes + used.size) % COLOURS;
}
