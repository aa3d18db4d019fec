import type { Columns } from "../../src/api/types";

/** Columns of these instances, without values but those given. */
export function columnsOf(ids: string[], parts: Partial<Columns> = {}): Columns {
  const count = ids.length;
  const numbers = (): Float32Array => new Float32Array(count).fill(NaN);
  return {
    count,
    ids,
    names: [],
    label: new Int32Array(count).fill(-1),
    prediction: new Int32Array(count).fill(-1),
    correct: new Uint8Array(count).fill(255),
    score: numbers(),
    loss: numbers(),
    label_score: numbers(),
    extra: new Map(),
    ...parts,
  };
}
