/** Matches the kept instances of two snapshots by id, and brings the second's columns into the order of the first. */

import type { Columns, ExtraColumn } from "../api/types";

export interface Pairing {
  /** By the first snapshot's index: the index in the second, -1 where it did not keep the instance. */
  indexOf: Int32Array;
  /** Number of instances that both kept. */
  both: number;
}

/** Of an id that occurs twice in the second snapshot, the last one counts. */
export function pairUp(first: readonly string[], second: readonly string[]): Pairing {
  const places = new Map(second.map((id, index) => [id, index]));
  const indexOf = Int32Array.from(first, (id) => places.get(id) ?? -1);
  return { indexOf, both: indexOf.reduce((sum, index) => sum + +(index >= 0), 0) };
}

/** By the second snapshot's class index: the first's, -1 for a class that it does not have; null: they are the same. */
export function classesBetween(first: readonly string[], second: readonly string[]): Int32Array | null {
  const same = first.length === 0 || second.length === 0 || second.every((name, index) => first[index] === name);
  return same ? null : Int32Array.from(second, (name) => first.indexOf(name));
}

/**
 * The second snapshot's columns by the first's index. Instances that it did not keep have no values: NaN, -1 in columns
 * of classes and categories, 255 in `correct`.
 */
export function inOrderOf(first: Columns, second: Columns, { indexOf }: Pairing, classes: Int32Array | null): Columns {
  const floats = (values: ArrayLike<number>): Float32Array =>
    Float32Array.from(indexOf, (index) => (index < 0 ? Number.NaN : (values[index] as number)));
  const indices = (values: ArrayLike<number>): Int32Array =>
    Int32Array.from(indexOf, (index) => (index < 0 ? -1 : (values[index] as number)));
  const answers = (values: Int32Array | Float32Array): Int32Array | Float32Array =>
    values instanceof Float32Array
      ? floats(values)
      : indices(values).map((value) => (value < 0 || !classes ? value : (classes[value] ?? -1)));
  const extra = ({ values, ...column }: ExtraColumn): ExtraColumn => ({
    ...column,
    values: column.categories || values instanceof Int32Array ? indices(values) : floats(values),
  });
  return {
    count: first.count,
    ids: first.ids,
    names: second.names,
    label: answers(second.label),
    prediction: answers(second.prediction),
    correct: Uint8Array.from(indexOf, (index) => (index < 0 ? 255 : (second.correct[index] as number))),
    score: floats(second.score),
    loss: floats(second.loss),
    label_score: floats(second.label_score),
    extra: new Map(Array.from(second.extra, ([name, column]) => [name, extra(column)])),
  };
}

/** Positions [instances, 2] of the second snapshot by the first's index, NaN where it did not keep the instance. */
export function placesInOrder(xy: Float32Array, { indexOf }: Pairing): Float32Array {
  const places = new Float32Array(2 * indexOf.length).fill(Number.NaN);
  indexOf.forEach((index, at) => {
    if (index >= 0) places.set(xy.subarray(2 * index, 2 * index + 2), 2 * at);
  });
  return places;
}
