import { describe, expect, it } from "vitest";
import { chosenOf, conditions, literal, withChosen } from "../../src/state/facetExpression";

describe("conditions", () => {
  it.each([
    ["", []],
    ["label == 9", ["label == 9"]],
    ["label == 9 and score < 0.7", ["label == 9", "score < 0.7"]],
    ["not correct and (a == 1 and b == 2)", ["not correct", "(a == 1 and b == 2)"]],
    ['site == "this and that" and correct', ['site == "this and that"', "correct"]],
    ["a == 1 or b == 2 and c == 3", ["a == 1 or b == 2 and c == 3"]],
  ])("of %s", (text, parts) => {
    expect(conditions(text)).toEqual(parts);
  });
});

describe("what is chosen", () => {
  it.each([
    ["label == 9", "label", { values: ["9"], from: null, to: null }],
    ['label == "cat" and correct', "label", { values: ['"cat"'], from: null, to: null }],
    ["label in [3, 9]", "label", { values: ["3", "9"], from: null, to: null }],
    ['"cat" in label and "dog" in label', "label", { values: ['"cat"', '"dog"'], from: null, to: null }],
    ["correct", "correct", { values: ["True"], from: null, to: null }],
    ["not correct", "correct", { values: ["False"], from: null, to: null }],
    ["score < 0.7", "score", { values: [], from: null, to: "0.7" }],
    ["score >= -0.5", "score", { values: [], from: "-0.5", to: null }],
    ["0.2 <= score < .70", "score", { values: [], from: "0.2", to: "0.7" }],
    ["-2 <= x < -1", "x", { values: [], from: "-2", to: "-1" }],
    ["col(\"my column\") == 'it'", "my column", { values: ['"it"'], from: null, to: null }],
    ["label != 9", "label", { values: [], from: null, to: null }],
    ["label == 9 or correct", "label", { values: [], from: null, to: null }],
    ["label_score < 0.5", "score", { values: [], from: null, to: null }],
    ["label == prediction", "label", { values: [], from: null, to: null }],
  ])("%s, of %s", (text, column, chosen) => {
    expect(chosenOf(text, column)).toEqual(chosen);
  });
});

describe("what is written", () => {
  it("is a comparison or a list of values", () => {
    expect(withChosen("", "label", "number", { values: ["9"] })).toBe("label == 9");
    expect(withChosen("label == 9", "label", "number", { values: ["9", "3"] })).toBe("label in [9, 3]");
    expect(withChosen("label in [9, 3] and correct", "label", "number", { values: [] })).toBe("correct");
    expect(withChosen("", "my column", "text", { values: [literal('a "b"')] })).toBe('col("my column") == "a \\"b\\""');
    expect(withChosen("", "label", "list", { values: ['"cat"', '"dog"'] })).toBe('"cat" in label and "dog" in label');
  });

  it("is a boolean by its name, or nothing for both", () => {
    expect(withChosen("", "correct", "boolean", { values: ["False"] })).toBe("not correct");
    expect(withChosen("not correct", "correct", "boolean", { values: ["False", "True"] })).toBe("");
  });

  it("is a range, of which an end may be open", () => {
    expect(withChosen("", "score", "number", { from: "0.2", to: "0.7" })).toBe("0.2 <= score < 0.7");
    expect(withChosen("", "score", "number", { to: "0.7" })).toBe("score < 0.7");
    expect(withChosen("score < 0.7", "score", "number", { from: "0.9" })).toBe("score >= 0.9");
  });

  it("is joined with what there is, and replaced where it stands", () => {
    expect(withChosen("label == 9", "score", "number", { to: "0.7" })).toBe("label == 9 and score < 0.7");
    expect(withChosen("label == 9 and score < 0.7", "label", "number", { values: ["3"] })).toBe(
      "label == 3 and score < 0.7",
    );
    expect(withChosen("a == 1 or b == 2", "label", "number", { values: ["3"] })).toBe(
      "(a == 1 or b == 2) and label == 3",
    );
    expect(withChosen("(a == 1 or b == 2) and label == 3", "label", "number", {})).toBe("(a == 1 or b == 2)");
  });

  it("is read as it was written", () => {
    for (const next of [
      { values: ["9"], from: null, to: null },
      { values: ['"x \\"y\\" \\\\ z"', '"é\\n"'], from: null, to: null },
      { values: [], from: "-1e-7", to: "1e+21" },
    ])
      expect(chosenOf(withChosen("correct", "x y", "number", next), "x y")).toEqual(next);
  });
});
