/** What became of each instance from one snapshot to another: right in both, fixed, broken, wrong in both; or alike. */

import type { Columns, Task } from "../api/types";
import type { Pairing } from "./pairing";
import { ranks } from "./ranks";

export interface Change {
  name: string;
  /** What the name means, in a few words. */
  says: string;
  /** Instances, by the first snapshot's index, ordered by label. */
  indices: Int32Array;
}

export interface Changes {
  groups: Change[];
  /** The group of each instance by the first snapshot's index, -1 where only one snapshot kept it. */
  groupOf: Int8Array;
}

type Words = readonly (readonly [name: string, says: string])[];

const JUDGED: Words = [
  ["Right in both", ""],
  ["Fixed", "wrong in first, right in second"],
  ["Broken", "right in first, wrong in second"],
  ["Wrong in both", ""],
];
const NUMBERS: Words = [
  ["Improved", "smaller error in second"],
  ["Worsened", "larger error in second"],
  ["Same error", ""],
];
const PLACES: Words = [
  ["Improved", "nearer to its label’s rank"],
  ["Worsened", "farther from its label’s rank"],
  ["Same place", "as far from its label’s rank"],
];
const UNLABELLED: Words = [
  ["Same prediction", ""],
  ["Other prediction", ""],
];
const UNKNOWN = ["Not judged", "no label in one of them"] as const;

/**
 * Groups the instances that both snapshots kept. `second` has the first's order (`inOrderOf`). By correctness; numeric
 * labels by the absolute error; without labels by the prediction; null where there is neither.
 */
export function changesBetween(
  task: Task,
  first: Columns,
  second: Columns,
  { indexOf }: Pick<Pairing, "indexOf">,
): Changes | null {
  const common = Array.from(indexOf.keys()).filter((index) => (indexOf[index] as number) >= 0);
  const judged = common.some((index) => first.correct[index] !== 255 && second.correct[index] !== 255);
  const known = ({ prediction }: Columns, index: number): boolean =>
    prediction instanceof Float32Array ? Number.isFinite(prediction[index]) : (prediction[index] as number) >= 0;
  let words: Words;
  let groupOf: (index: number) => number;
  if (task === "regression" || task === "ranking") {
    const [before, after] = [first, second].map((columns) => errors(task, columns, common)) as [
      Float32Array,
      Float32Array,
    ];
    words = task === "ranking" ? PLACES : NUMBERS;
    groupOf = (index) => {
      const difference = (after[index] as number) - (before[index] as number);
      return Number.isNaN(difference) ? words.length : difference < 0 ? 0 : difference > 0 ? 1 : 2;
    };
  } else if (judged) {
    words = JUDGED;
    groupOf = (index) => {
      const [before, after] = [first.correct[index] as number, second.correct[index] as number];
      if (before === 255 || after === 255) return words.length;
      return before === 1 ? (after === 1 ? 0 : 2) : after === 1 ? 1 : 3;
    };
  } else if (common.some((index) => known(first, index) && known(second, index))) {
    words = UNLABELLED;
    groupOf = (index) => +(first.prediction[index] !== second.prediction[index]);
  } else return null;
  const members: number[][] = [...words, UNKNOWN].map(() => []);
  const groups = new Int8Array(indexOf.length).fill(-1);
  for (const index of common) {
    const group = groupOf(index);
    groups[index] = group;
    (members[group] as number[]).push(index);
  }
  const order = words === UNLABELLED ? first.prediction : first.label;
  return {
    groupOf: groups,
    groups: [...words, UNKNOWN]
      .map(([name, says], group) => ({
        name,
        says,
        indices: Int32Array.from(
          (members[group] as number[]).sort((a, b) => (order[a] as number) - (order[b] as number) || a - b),
        ),
      }))
      .filter(({ indices }, group) => group < words.length || indices.length > 0),
  };
}

/** Absolute errors; of a ranking the distance of the ranks among the common instances. NaN where there is no label. */
function errors(task: Task, { label, prediction, score }: Columns, common: readonly number[]): Float32Array {
  if (task === "regression")
    return Float32Array.from(label, (target, index) => Math.abs((prediction[index] as number) - target));
  const result = new Float32Array(label.length).fill(Number.NaN);
  const [labels, scores] = [label, score].map((values) => ranks(common.map((index) => values[index] as number))) as [
    Float32Array,
    Float32Array,
  ];
  common.forEach((index, at) => {
    result[index] = Math.abs((scores[at] as number) - (labels[at] as number));
  });
  return result;
}

/** Instances that a mark stands for where there is room for so many marks: 1, 2, 5, 10, 20, … */
export function perMark(count: number, room: number): number {
  for (let ten = 1; ; ten *= 10)
    for (const step of [1, 2, 5]) if (Math.ceil(count / (step * ten)) <= room) return step * ten;
}

/** Marks of a group: each stands for up to `per` instances of one colour, which `kindOf` tells. */
export function marksOf(indices: Int32Array, per: number, kindOf: (index: number) => number): Int32Array[] {
  const marks: Int32Array[] = [];
  for (let from = 0; from < indices.length; ) {
    let to = from + 1;
    while (to < indices.length && to < from + per && kindOf(indices[to] as number) === kindOf(indices[from] as number))
      to++;
    marks.push(indices.subarray(from, to));
    from = to;
  }
  return marks;
}
