import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/api/safetensors";
import { ApiError } from "../../src/api/types";

/** A file by hand: 8 bytes of length, the header, the data. */
function file(header: object, data: number[], length?: number): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes.buffer;
}

describe("readSafetensors", () => {
  it("reads values, shapes and metadata, at offsets that are not aligned", () => {
    const { tensors, metadata } = readSafetensors(
      file(
        {
          __metadata__: { json: '{"rows": [1, 2]}' },
          flag: { dtype: "U8", shape: [1], data_offsets: [0, 1] },
          x: { dtype: "F32", shape: [1, 2], data_offsets: [1, 9] },
          n: { dtype: "I64", shape: [1], data_offsets: [9, 17] },
        },
        // 7; 1.0 and -2.5 as little-endian float32; 258 as int64
        [7, 0, 0, 128, 63, 0, 0, 32, 192, 2, 1, 0, 0, 0, 0, 0, 0],
      ),
    );
    expect(metadata).toEqual({ rows: [1, 2] });
    expect(tensors.get("flag")).toEqual({ shape: [1], data: Uint8Array.of(7) });
    expect(tensors.get("x")).toEqual({ shape: [1, 2], data: Float32Array.of(1, -2.5) });
    expect(tensors.get("n")?.data).toEqual(Float64Array.of(258));
  });

  it("reads tensors without values", () => {
    const { tensors } = readSafetensors(file({ x: { dtype: "F32", shape: [0, 5], data_offsets: [0, 0] } }, []));
    expect(tensors.get("x")).toEqual({ shape: [0, 5], data: new Float32Array(0) });
  });

  it.each([
    ["too short", new ArrayBuffer(3), "3 bytes are too few"],
    ["a header beyond the end", file({}, [], 9999), "a header of 9999 bytes"],
    [
      "a tensor beyond the end",
      file({ x: { dtype: "F32", shape: [2], data_offsets: [0, 8] } }, [0, 0]),
      "x lies outside",
    ],
    [
      "a shape that does not fit",
      file({ x: { dtype: "U8", shape: [3], data_offsets: [0, 2] } }, [1, 2]),
      "x has 2 values for shape [3]",
    ],
    ["an unknown dtype", file({ x: { dtype: "F8_E4M3", shape: [1], data_offsets: [0, 1] } }, [1]), "x is F8_E4M3"],
  ])("refuses %s", (_, buffer, message) => {
    expect(() => readSafetensors(buffer)).toThrow(ApiError);
    expect(() => readSafetensors(buffer)).toThrow(message);
  });
});
