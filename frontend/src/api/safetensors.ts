/** Reads the safetensors format: named arrays with type and shape, and metadata. */

import { ApiError } from "./types";

/** 64-bit integers are converted to Float64Array: all counts are far below 2^53. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array;

export interface Tensor {
  shape: number[];
  data: TensorData;
}

export interface Tensors {
  tensors: Map<string, Tensor>;
  /** The value of `__metadata__`.`json`. */
  metadata: unknown;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** Reads the safetensors format: header length (u64), JSON header, little-endian data. */
export function readSafetensors(buffer: ArrayBuffer): Tensors {
  if (buffer.byteLength < 8) throw damaged(`${buffer.byteLength} bytes are too few`);
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  if (length > buffer.byteLength - 8) throw damaged(`a header of ${length} bytes in ${buffer.byteLength}`);
  const header = parseHeader(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const tensors = new Map<string, Tensor>();
  let metadata: unknown = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      const text = (entry as unknown as Record<string, string>).json;
      metadata = text === undefined ? {} : JSON.parse(text);
      continue;
    }
    const [start, end] = entry.data_offsets;
    if (start > end || 8 + length + end > buffer.byteLength) throw damaged(`${name} lies outside of the answer`);
    tensors.set(name, { shape: entry.shape, data: view(name, entry, buffer, 8 + length) });
  }
  return { tensors, metadata };
}

function parseHeader(text: string): Record<string, Entry> {
  try {
    return JSON.parse(text) as Record<string, Entry>;
  } catch {
    throw damaged("its header is not JSON");
  }
}

function view(
  name: string,
  { dtype, shape, data_offsets: [start, end] }: Entry,
  buffer: ArrayBuffer,
  base: number,
): TensorData {
  // A copy: offsets need not be aligned, and the buffer of the answer can be freed.
  const bytes = buffer.slice(base + start, base + end);
  const data = typed(name, dtype, bytes);
  const count = shape.reduce((product, size) => product * size, 1);
  if (data.length !== count) throw damaged(`${name} has ${data.length} values for shape [${shape.join(", ")}]`);
  return data;
}

function typed(name: string, dtype: string, bytes: ArrayBuffer): TensorData {
  switch (dtype) {
    case "F32":
      return new Float32Array(bytes);
    case "F64":
      return new Float64Array(bytes);
    case "I64":
      return Float64Array.from(new BigInt64Array(bytes), Number);
    case "U64":
      return Float64Array.from(new BigUint64Array(bytes), Number);
    case "I32":
      return new Int32Array(bytes);
    case "U32":
      return new Uint32Array(bytes);
    case "I16":
      return new Int16Array(bytes);
    case "U16":
      return new Uint16Array(bytes);
    case "I8":
      return new Int8Array(bytes);
    case "U8":
    case "BOOL":
      return new Uint8Array(bytes);
    default:
      throw damaged(`${name} is ${dtype}, which this page does not read`);
  }
}

function damaged(what: string): ApiError {
  return new ApiError(
    "unreadable",
    `The answer is not in the safetensors format: ${what}. Reload the page; if it stays, report it.`,
  );
}
