import { describe, expect, it } from "vitest";
import { detailCsv } from "../../src/views/detail/saveDetail";

describe("the drawer as CSV", () => {
  it("is a block for each list, with a column for each part", () => {
    const detail = {
      neuron: 3,
      edges: [0, 0.5],
      rows: [{ n: 2, counts: [1, 1] }],
      classes: [],
      contrast: {
        own: "a, b",
        far: [
          { neuron: 7, own: { mean: -1.5, std: null } },
          { neuron: 8, own: { mean: 2, std: 0 } },
        ],
      },
    };
    expect(detailCsv(detail)).toBe(
      'neuron,3\nedges,0,0.5\n\nrows\nn,counts 0,counts 1\n2,1,1\nclasses\nown,"a, b"\n\nfar\nneuron,own mean,own std\n7,-1.5,\n8,2,0\n',
    );
  });
});
