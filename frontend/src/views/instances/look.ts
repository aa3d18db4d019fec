import { computed, type ReadonlySignal } from "@preact/signals";
import { classColour } from "../../draw/classes";
import { mapColour, roundEnd } from "../../draw/colormap";
import { type MarkLook, strengthOf } from "../../draw/marks";
import { type Bins, byClass, byTarget, type Group } from "../../layout/classes";
import { numeric, several } from "../../state/chosen";
import { columns, snapshot } from "../../state/data";

/** Groups of instances as they stand in the Classes tab, by what the task is. */
export type Grouped =
  | {
      task: "classification";
      groups: Group[];
      names: string[];
      look: MarkLook;
      right: number;
      wrong: number;
      judged: boolean;
    }
  | {
      task: "regression";
      groups: Group[];
      names: string[];
      look: MarkLook;
      end: number;
      errors: Float32Array;
      bins: Bins;
    }
  | { task: "none"; look: MarkLook };

/**
 * Signed errors where labels are numbers: prediction minus label; for a ranking, how much too high it stands, as a
 * share of all.
 */
export const errorsOf: ReadonlySignal<Float32Array | null> = computed(() => {
  const [known, task] = [columns.value.value, snapshot.value.value?.task];
  if (!known || !numeric(task)) return null;
  if (task === "regression")
    return Float32Array.from(known.label, (target, row) => (known.prediction[row] as number) - target);
  const [wanted, given] = [places(known.label), places(known.score)];
  return given.map((place, row) => place - (wanted[row] as number));
});

/** Where each value stands among all, 0 (lowest) to 1; equal values share their middle; NaN for none. */
export function places(values: ArrayLike<number>): Float32Array {
  const order = Array.from({ length: values.length }, (_, i) => i)
    .filter((i) => !Number.isNaN(values[i]))
    .sort((a, b) => (values[a] as number) - (values[b] as number));
  const found = new Float32Array(values.length).fill(Number.NaN);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to] as number] === values[order[from] as number]) to++;
    for (let i = from; i < to; i++)
      found[order[i] as number] = order.length > 1 ? (from + to - 1) / 2 / (order.length - 1) : 0.5;
    from = to;
  }
  return found;
}

export const grouped: ReadonlySignal<Grouped | null> = computed(() => {
  const [known, shown] = [columns.value.value, snapshot.value.value];
  if (!known || !shown) return null;
  if (numeric(shown.task)) {
    const errors = errorsOf.value!;
    const sizes = errors.filter(Number.isFinite).map(Math.abs).sort();
    const end = roundEnd(sizes[Math.floor(0.99 * (sizes.length - 1))] ?? 1);
    const bins = byTarget(known.label.subarray(0, shown.kept), errors);
    // Around zero the map is the page itself: a mark there must still be seen.
    const colour = (row: number): string => {
      const share = (errors[row] as number) / end;
      return Number.isNaN(share) ? classColour(-1) : mapColour(share < 0 ? -0.12 + 0.88 * share : 0.12 + 0.88 * share);
    };
    return {
      task: "regression",
      groups: bins.groups,
      names: bins.groups.map(
        (_, i) => `${text(bins.edges[i])}${(bins.edges[i] as number) < 0 ? " to " : "–"}${text(bins.edges[i + 1])}`,
      ),
      end,
      errors,
      bins,
      look: { colour, strength: () => 1 },
    };
  }
  const chance = 1 / Math.max(2, shown.class_names.length);
  const look: MarkLook = {
    colour: (row) => classColour(known.prediction[row] as number),
    strength: (row) => strengthOf(known.score[row] as number, chance),
  };
  if (shown.task === "none") return { task: "none", look };
  if (several(shown.task)) {
    const groups = byClass(new Int32Array(shown.kept), known.correct, known.score, 1);
    return {
      task: "classification",
      groups,
      names: ["all"],
      look: { ...look, colour: () => classColour(-1) },
      right: groups[0]?.right.length ?? 0,
      wrong: groups[0]?.wrong.length ?? 0,
      judged: known.correct.some((value) => value !== 255),
    };
  }
  let classes = shown.class_names.length;
  for (const value of known.label) if (value >= classes) classes = value + 1;
  const groups = byClass(known.label.subarray(0, shown.kept), known.correct, known.score, classes);
  const sum = (side: "right" | "wrong"): number => groups.reduce((total, group) => total + group[side].length, 0);
  return {
    task: "classification",
    groups,
    names: groups.map((_, i) => (i < classes ? (shown.class_names[i] ?? String(i)) : "–")),
    look,
    right: sum("right"),
    wrong: sum("wrong"),
    judged: known.correct.some((value) => value !== 255),
  };
});

const text = (value: number | undefined): string => String(value ?? "").replace("-", "−");

/** Expression that says "predicted as this class", from the class's own subset, which knows how its name is written. */
export function predictedAs(expression: string): string {
  return expression.replace(/^label\b/, "prediction");
}
