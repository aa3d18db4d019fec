import { describe, expect, it } from "vitest";
import {
  effectText,
  layerFacts,
  layerWarnings,
  noMatch,
  provenance,
  reducerName,
  statisticText,
} from "../../src/draw/matrixText";

const layer = {
  name: "block2.relu",
  neurons: 48,
  reducer: "mean",
  axis: 0,
  sizes: [-1, 48, 4, 4],
  positions: [],
  signed: false,
  max_abs: 3,
  problem: null,
  warnings: { all_zero: 0, constant: 0, never_above_zero: 0, nonfinite: 0, clipped: 0 },
};

describe("layerFacts", () => {
  it("says type, neurons, reducer and how much is kept", () => {
    expect(layerFacts(layer, "ReLU", { sample_size: 899, seen: 899 })).toEqual([
      "ReLU",
      "48 neurons",
      "spatial mean",
      "all 899 kept",
    ]);
    expect(
      layerFacts({ ...layer, neurons: 1, sizes: [-1, 1], reducer: "none" }, undefined, {
        sample_size: 1000,
        seen: 50_000,
      }),
    ).toEqual(["1 neuron", "1,000 of 50,000 kept"]);
  });

  it("names reducers by what they reduce", () => {
    expect(reducerName({ reducer: "max", sizes: [-1, 64, 8, 8] })).toBe("spatial max");
    expect(reducerName({ reducer: "mean", sizes: [-1, 20, 64] })).toBe("mean over positions");
    expect(reducerName({ reducer: "last", sizes: [-1, 20, 64] })).toBe("last position");
    expect(reducerName({ reducer: "my_reducer", sizes: [-1, 20, 64] })).toBe("my_reducer");
    expect(reducerName({ reducer: "mean", sizes: [-1, 64] })).toBe("");
  });
});

describe("noMatch", () => {
  const none = { indices: new Int32Array(0), count: 0 };

  it("says how many were looked at, and that others may match where not all are kept", () => {
    const why = "No kept instance matches, so there is nothing to show in a row.";
    expect(noMatch({ ...none, sample_size: 899 }, 899)).toBe(`${why} All 899 were looked at.`);
    expect(noMatch({ ...none, sample_size: 1000 }, 50_000)).toBe(
      `${why} 1,000 of the 50,000 were looked at; others may match.`,
    );
  });

  it("says that pinned instances do not count where only they match", () => {
    const said = noMatch({ indices: Int32Array.of(1000), count: 0, sample_size: 1000 }, 50_000);
    expect(said).toBe(
      "Only pinned instances match, which are in no subset. 1,000 of the 50,000 were looked at; others may match.",
    );
  });
});

describe("layerWarnings", () => {
  it("says only what there is to warn of", () => {
    expect(layerWarnings(layer)).toEqual([]);
    expect(
      layerWarnings({ warnings: { all_zero: 3, constant: 0, never_above_zero: 5, nonfinite: 1, clipped: 1200 } }),
    ).toEqual(["5 never above 0", "3 all zero", "1 value NaN or infinite", "1,200 values clipped"]);
  });
});

const EXACT = { source: "exact", rounding: "1/4,094 of the range over the classes" } as const;
const SAMPLED = { source: "sample", rounding: "" } as const;
const [WHOLE, PACKED] = [{ packed: false }, { packed: true }];

describe("provenance", () => {
  it("is exact for declared subsets, and where everything was kept", () => {
    expect(provenance({ source: "exact", n: 82, seen: 899, ...WHOLE }, 1.11, 899, 899, EXACT)).toEqual({
      error: "",
      origin: "n 82, exact",
    });
    expect(provenance({ source: "sample", n: 45, seen: 899, ...WHOLE }, 1, 899, 899, EXACT)).toEqual({
      error: "",
      origin: "n 45, exact",
    });
  });

  it("says how far off a rounded statistic may be, and that one of kept instances is not rounded", () => {
    const row = { source: "exact", n: 30, seen: 50_000, ...PACKED } as const;
    expect(provenance(row, 1, 1000, 50_000, EXACT)).toEqual({
      error: "",
      origin: "n 30, rounded: off by at most 1/4,094 of the range over the classes",
    });
    expect(provenance(row, 1, 50_000, 50_000, EXACT).origin).toContain("rounded");
    expect(provenance(row, 1, 1000, 50_000, SAMPLED).origin).toBe("from its kept instances");
    expect(provenance(row, 1, 50_000, 50_000, SAMPLED).origin).toBe("n 30, exact");
  });

  it("of what the summaries do not hold is the kept instances", () => {
    expect(provenance({ source: "exact", n: 82, seen: 50_000, ...WHOLE }, 1, 1000, 50_000, SAMPLED).origin).toBe(
      "from its kept instances",
    );
  });

  it("gives the 95 % interval of a sample's mean", () => {
    // 1.96 x 0.65 / sqrt(1000) = 0.0403
    expect(provenance({ source: "sample", n: 1000, seen: 50_000, ...WHOLE }, 0.65, 1000, 50_000, EXACT)).toEqual({
      error: " ± 0.040",
      origin: "from 1,000 of 50,000",
    });
    expect(provenance({ source: "sample", n: 1, seen: 50_000, ...WHOLE }, 0, 1000, 50_000, EXACT).error).toBe("");
  });
});

describe("numbers", () => {
  it("show shares in per cent and effect sizes with one digit", () => {
    expect(statisticText({ unit: "share" }, 0.844)).toBe("84%");
    expect(statisticText({ unit: "activation" }, 2.684)).toBe("2.68");
    expect(effectText(-4.71)).toBe("−4.7");
    expect(effectText(Infinity)).toBe("∞");
  });
});
