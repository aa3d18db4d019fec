import { readSafetensors, type Tensor, type Tensors } from "./safetensors";
import {
  ApiError,
  type CellScale,
  type Columns,
  type ExtraColumn,
  type Matrix,
  type Projection,
  type RowSource,
  type Strip,
  type Where,
} from "./types";

/** Answers in safetensors, decoded. Each throws ApiError when the answer lacks what docs/http_api.md promises. */

export function decodeStrips(buffer: ArrayBuffer): Strip[] {
  const answer = readSafetensors(buffer);
  const strips: Strip[] = [];
  for (let i = 0; answer.tensors.has(`${i}`); i++) {
    strips.push({ mean: float32(answer, `${i}`), state: uint8(answer, `${i}/state`) });
  }
  return strips;
}

const NOTHING = new Float32Array();

export function decodeMatrix(buffer: ArrayBuffer): Matrix {
  const answer = readSafetensors(buffer);
  const metadata = answer.metadata as { rows?: RowSource[]; scale?: CellScale };
  const { scale = null } = metadata;
  const [count = 0, neurons = 0] = tensor(answer, scale ? "cells" : "mean").shape;
  const given = (name: string): Float32Array => (answer.tensors.has(name) ? float32(answer, name) : NOTHING);
  const n = tensor(answer, "n").data;
  if (metadata.rows?.length !== count) throw missing("rows in its metadata");
  return {
    count,
    neurons,
    mean: given("mean"),
    std: given("std"),
    max: given("max"),
    active: given("active"),
    n: n instanceof Float64Array ? n : Float64Array.from(n),
    order: int32(answer, "order"),
    effect: answer.tensors.has("effect") ? float32(answer, "effect") : null,
    cells: scale && uint8(answer, "cells"),
    scale,
    rows: metadata.rows,
  };
}

export function decodeProjection(buffer: ArrayBuffer): Projection {
  const answer = readSafetensors(buffer);
  const { method = "pca", explained = [], state = "done", progress = 1 } = answer.metadata as Partial<Projection>;
  return { method, xy: float32(answer, "xy"), explained, state, progress };
}

const KNOWN = new Set([
  "label",
  "prediction",
  "correct",
  "score",
  "loss",
  "label_score",
  "id",
  "id.bytes",
  "id.offsets",
]);

export function decodeColumns(buffer: ArrayBuffer): Columns {
  const answer = readSafetensors(buffer);
  const categories = (answer.metadata as { categories?: Record<string, string[]> }).categories ?? {};
  const extra = new Map<string, ExtraColumn>();
  for (const [name, { data }] of answer.tensors) {
    if (KNOWN.has(name)) continue;
    const values = data instanceof Float32Array || data instanceof Int32Array ? data : Float32Array.from(data);
    extra.set(name, { values, categories: categories[name] ?? null });
  }
  const correct = uint8(answer, "correct");
  return {
    count: correct.length,
    ids: decodeIds(answer),
    label: index(answer, "label"),
    prediction: index(answer, "prediction"),
    correct,
    score: float32(answer, "score"),
    loss: float32(answer, "loss"),
    label_score: float32(answer, "label_score"),
    extra,
  };
}

export function decodeActivation(buffer: ArrayBuffer): Float32Array {
  return float32(readSafetensors(buffer), "value");
}

export function decodeWhere(buffer: ArrayBuffer): Where {
  const answer = readSafetensors(buffer);
  const rows = int32(answer, "rows");
  const metadata = answer.metadata as { count?: number; of?: number };
  return { rows, count: metadata.count ?? rows.length, of: metadata.of ?? rows.length };
}

function decodeIds(answer: Tensors): string[] {
  const numbers = answer.tensors.get("id");
  if (numbers) return Array.from(numbers.data, String);
  const bytes = uint8(answer, "id.bytes");
  const offsets = tensor(answer, "id.offsets").data;
  const decoder = new TextDecoder();
  return Array.from({ length: Math.max(0, offsets.length - 1) }, (_, i) =>
    decoder.decode(bytes.subarray(offsets[i], offsets[i + 1])),
  );
}

function tensor(answer: Tensors, name: string): Tensor {
  const found = answer.tensors.get(name);
  if (!found) throw missing(name);
  return found;
}

function float32(answer: Tensors, name: string): Float32Array {
  const { data } = tensor(answer, name);
  if (data instanceof Float32Array) return data;
  throw missing(`${name} as float32`);
}

function int32(answer: Tensors, name: string): Int32Array {
  const { data } = tensor(answer, name);
  if (data instanceof Int32Array) return data;
  throw missing(`${name} as int32`);
}

function uint8(answer: Tensors, name: string): Uint8Array {
  const { data } = tensor(answer, name);
  if (data instanceof Uint8Array) return data;
  throw missing(`${name} as uint8`);
}

function index(answer: Tensors, name: string): Int32Array | Float32Array {
  const { data } = tensor(answer, name);
  if (data instanceof Int32Array || data instanceof Float32Array) return data;
  throw missing(`${name} as int32 or float32`);
}

function missing(what: string): ApiError {
  return new ApiError(
    "unreadable",
    `The server's answer lacks ${what}. The page and the server may be of different versions: reload the page.`,
  );
}
