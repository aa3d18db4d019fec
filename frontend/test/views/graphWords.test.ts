import { describe, expect, it } from "vitest";
import { attributeText } from "../../src/views/graph/NodeDetail";
import { labelText } from "../../src/views/graph/Picture";
import { summary } from "../../src/views/graph/strips";

describe("words of the graph", () => {
  it("label an edge by its shape without the batch axis, and by the number of tensors", () => {
    expect(labelText({ count: 1, sizes: [-1, 32, 4, 4] })).toBe("32×4×4");
    expect(labelText({ count: 2, sizes: [-1, 7] })).toBe("2 × 7");
    expect(labelText({ count: 3, sizes: null })).toBe("3 tensors");
  });
  it("say attributes short and in order: true ones by name, false ones not at all, nor what the shapes say", () => {
    expect(attributeText({ kernel: "3×3", bias: "yes", return_sequences: "False", "out features": "64" })).toBe(
      "bias, kernel 3×3",
    );
  });
});

describe("strips", () => {
  const strip = { mean: Float32Array.of(0.1, -0.9, 0, 0, 0.2, 0.3), state: Uint8Array.of(0, 0, 1, 1, 3, 0) };
  it("show each neuron while there is room", () => {
    expect([0, 1, 2].map((i) => summary(strip, i, 6).state)).toEqual([0, 0, 1]);
  });
  it("show the strongest of several, a state when all have it, NaN when any has", () => {
    expect(summary(strip, 0, 3).value).toBeCloseTo(-0.9);
    expect(summary(strip, 1, 3).state).toBe(1);
    expect(summary(strip, 2, 3).state).toBe(3);
    expect(summary(strip, 0, 2).state).toBe(0);
  });
});
