/** Decodes the server's safetensors answers. Throws ApiError when one lacks what docs/http_api.md promises. */

import {
  type Activation,
  ARRAYS,
  type Columns as ColumnsAnswer,
  type Matrix as MatrixAnswer,
  type Projection as ProjectionAnswer,
  type QuantizedMatrix,
  type Strips,
  type TextIds,
} from "./contract";
import { readSafetensors, type TensorData } from "./safetensors";
import { ApiError, type Columns, type ExtraColumn, type Matrix, type Projection, type Strip } from "./types";

export type Answers = typeof ARRAYS;

/**
 * An answer with arrays: its metadata and its arrays, by the names that `contract.ts` has for them. Throws ApiError
 * when the answer lacks an array or one is of another kind.
 */
export function decode<T>(buffer: ArrayBuffer, name: keyof Answers): T {
  const { arrays, optional, spread } = ARRAYS[name] as {
    arrays: Record<string, readonly string[]>;
    optional: readonly string[];
    spread: string | null;
  };
  const { tensors, metadata } = readSafetensors(buffer);
  const answer = { ...(metadata as Record<string, unknown>) };
  const others: Record<string, TensorData> = {};
  for (const [key, { data }] of tensors) {
    const [field = "", inner] = key.split(".", 2);
    const kinds = arrays[key];
    if (kinds) {
      if (!kinds.includes(data.constructor.name)) throw missing(`${key} as ${kinds.join(" or ")}`);
      answer[key] = data;
    } else if (inner !== undefined && optional.includes(field)) {
      answer[field] = { ...(answer[field] as object | undefined), [inner]: data };
    } else {
      others[key] = data;
    }
  }
  for (const key of Object.keys(arrays)) {
    if (answer[key] === undefined && !optional.includes(key)) throw missing(key);
  }
  if (spread !== null) answer[spread] = others;
  return answer as T;
}

export function decodeStrips(buffer: ArrayBuffer): Strip[] {
  const { layers } = decode<Strips>(buffer, "Strips");
  const strips: Strip[] = [];
  for (let i = 0; layers[`${i}`] !== undefined; i++) {
    strips.push({ mean: layers[`${i}`] as Float32Array, state: layers[`${i}/state`] as Uint8Array });
  }
  return strips;
}

const NOTHING = new Float32Array();

export function decodeMatrix(buffer: ArrayBuffer, quantized: boolean): Matrix {
  const drawn = quantized ? decode<QuantizedMatrix>(buffer, "QuantizedMatrix") : null;
  const answer = drawn ?? decode<MatrixAnswer>(buffer, "Matrix");
  const statistics: Record<string, Float32Array> = "statistics" in answer ? answer.statistics : {};
  const { rows = [], n, order, effect = null } = answer;
  const count = n.length;
  if (rows.length !== count) throw missing("rows in its metadata");
  return {
    count,
    neurons: count > 0 ? (drawn?.quantized ?? statistics.mean ?? NOTHING).length / (drawn?.drawn ?? n).length : 0,
    statistics,
    n,
    order,
    effect,
    quantized: drawn?.quantized ?? null,
    drawn: drawn?.drawn,
    scale: drawn?.scale ?? null,
    offset: drawn?.offset ?? null,
    factor: drawn?.factor ?? null,
    rows,
  };
}

export function decodeProjection(buffer: ArrayBuffer): Projection {
  return { state: "done", progress: 1, ...decode<ProjectionAnswer>(buffer, "Projection") };
}

export function decodeColumns(buffer: ArrayBuffer): Columns {
  const { id, user, categories = {}, times = {}, names = [], ...known } = decode<ColumnsAnswer>(buffer, "Columns");
  const extra = new Map<string, ExtraColumn>();
  for (const [name, data] of Object.entries(user)) {
    const values = data instanceof Float32Array || data instanceof Int32Array ? data : Float32Array.from(data);
    extra.set(name, { values, categories: categories[name] ?? null, since: times[name] ?? null });
  }
  return {
    ...known,
    names,
    count: known.correct.length,
    ids: "bytes" in id ? textIds(id) : Array.from(id, String),
    extra,
  };
}

export function decodeActivation(buffer: ArrayBuffer): Float32Array {
  return decode<Activation>(buffer, "Activation").value;
}

function textIds({ bytes, offsets }: TextIds): string[] {
  const decoder = new TextDecoder();
  return Array.from({ length: Math.max(0, offsets.length - 1) }, (_, i) =>
    decoder.decode(bytes.subarray(offsets[i], offsets[i + 1])),
  );
}

function missing(what: string): ApiError {
  return new ApiError(
    "unreadable",
    `The server's answer lacks ${what}. The page and the server may be of different versions: reload the page.`,
  );
}
