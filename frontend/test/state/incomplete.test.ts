import { describe, expect, it } from "vitest";
import type { ColumnInfo } from "../../src/api/types";
import { missing } from "../../src/state/incomplete";

const COLUMNS = [
  { name: "label", type: "category" },
  { name: "label_score", type: "number" },
  { name: "score", type: "number" },
  { name: "correct", type: "boolean" },
  { name: "text", type: "text" },
] as ColumnInfo[];

describe("an expression that is being typed", () => {
  it.each([
    "correct",
    "not correct",
    "label == 8",
    "score < 0.5 and correct",
    "score < 0.5 and not correct",
    '"who" in text',
    '"who" not in text',
    'label in ["HUM", "LOC"]',
    'label not in ["HUM"]',
    "(label == 8 or correct) and score > .5",
    "(correct)",
    "not (label == 8)",
    'matches(text, "^how")',
    'neuron("layer2.conv1", 17) > 0.8',
    'col("my column").isin(["a", "b"]) and not correct',
    'col("my column").isin(["a", "b"])',
    "0.2 <= score < 0.4",
    "score > label_score",
    'text == "and"',
    "len(text) > 3",
    "lable == 8",
    "True",
  ])("is complete: %s", (text) => expect(missing(text, COLUMNS)).toBeNull());

  it.each([
    ["lab", "There is no column “lab”. Did you mean label?"],
    ["label", '“label” must be compared with a value, as in label == "…".'],
    ["score", "“score” must be compared with a value, as in score > 0.5."],
    ["label ==", "Something is missing after “==”."],
    ["label = ", "Something is missing after “=”."],
    ['label == "HU', 'The text "HU has no closing ".'],
    ['label == "HU\\"', 'The text "HU\\" has no closing ".'],
    ["not", "Something is missing after “not”."],
    ["correct and", "Something is missing after “and”."],
    ["correct and la", "There is no column “la”. Did you mean label?"],
    ["correct and label", '“label” must be compared with a value, as in label == "…".'],
    ["correct or xyz", "There is no column “xyz”."],
    ["score < lo", "There is no column “lo”."],
    ["scoer", "There is no column “scoer”. Did you mean score?"],
    ['"who" in', "Something is missing after “in”."],
    ['"who" in te', "There is no column “te”. Did you mean text?"],
    ['"who"', '"who" must be compared with a column.'],
    ["17", "17 must be compared with a column."],
    ["(correct", "A closing ) is missing."],
    ["(label", "A closing ) is missing."],
    ["(label)", '“label” must be compared with a value, as in label == "…".'],
    ['label in ["HUM", ', "Something is missing after “,”."],
    ['label in ["HUM"', "A closing ] is missing."],
    ["matches(", "Something is missing after “(”."],
    ['col("my column").', "Something is missing after “.”."],
  ])("lacks something: %s", (text, words) => expect(missing(text, COLUMNS)).toBe(words));

  it("lacks nothing when there is nothing", () => {
    expect(missing("", COLUMNS)).toBeNull();
    expect(missing("  ", COLUMNS)).toBeNull();
  });
});
