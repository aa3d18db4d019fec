import { describe, expect, it } from "vitest";
import vocabulary from "../../fixtures/column_statistics.json";
import type { Vocabulary } from "../../src/api/types";
import { type Completion, complete, completions, placeAt } from "../../src/state/completion";

const KNOWN: Vocabulary = {
  columns: [
    {
      name: "label",
      type: "category",
      missing: 0,
      distinct: 3,
      values: [
        { value: "HUM", count: 9 },
        { value: "hop", count: 4 },
        { value: 'a "b"', count: 1 },
      ],
    },
    {
      name: "length",
      type: "number",
      missing: 1,
      min: 2,
      max: 40.25,
      mean: 9,
      quantiles: [2, 5, 8.123456, 12, 30],
      values: [],
    },
    {
      name: "stars",
      type: "number",
      missing: 0,
      min: 1,
      max: 12,
      mean: 4,
      quantiles: [1, 2, 3, 4, 5],
      values: [
        { value: 1, count: 3 },
        { value: 12, count: 6 },
      ],
    },
    {
      name: "my text",
      type: "text",
      missing: 0,
      distinct: 2,
      values: [
        { value: "one", count: 5 },
        { value: "two", count: 3 },
      ],
    },
    {
      name: "correct",
      type: "boolean",
      missing: 0,
      distinct: 2,
      values: [
        { value: true, count: 8 },
        { value: false, count: 2 },
      ],
    },
  ],
  functions: [
    { name: "len", arguments: ["text"] },
    { name: "lower", arguments: ["text"] },
    { name: "contains", arguments: ["text", '"part"'] },
  ],
};

const LAYERS = [
  { name: "stem.relu", neurons: 16 },
  { name: "head.fc1", neurons: 64 },
  { name: "head.fc2", neurons: 10 },
];

/** The caret is at the bar. */
function at(marked: string): { text: string; offered: Completion[]; place: ReturnType<typeof placeAt> } {
  const caret = marked.indexOf("|");
  const text = marked.replace("|", "");
  const place = placeAt(text, caret);
  return { text, place, offered: place ? completions(place, KNOWN, false, LAYERS) : [] };
}

const labels = (marked: string): string[] => at(marked).offered.map(({ label }) => label);

function completed(marked: string, index = 0): string {
  const { text, place, offered } = at(marked);
  const done = complete(text, place!, offered[index]!);
  return `${done.text.slice(0, done.caret)}|${done.text.slice(done.caret)}`;
}

describe("completing an expression", () => {
  it("offers columns, functions and words by how they begin", () => {
    expect(labels("le|")).toEqual(["length", "len(…)"]);
    expect(labels("L|")).toEqual(["label", "length", "len(…)", "lower(…)"]);
    expect(labels("correct and no|")).toEqual(["not"]);
    expect(labels("|")).toEqual([]);
    expect(labels("label|")).toEqual([]);
    expect(labels("zz|")).toEqual([]);
  });

  it("offers layers where a neuron's layer is named", () => {
    expect(labels('neuron("|')).toEqual(["stem.relu", "head.fc1", "head.fc2"]);
    expect(labels("score > 1 and neuron(|")).toEqual(["stem.relu", "head.fc1", "head.fc2"]);
    expect(labels('neuron("FC|", 3) > 1')).toEqual(["head.fc1", "head.fc2"]);
    expect(labels('neuron("head.fc1|')).toEqual([]);
    expect(labels('neuron("head.fc1", 3) > |')).toEqual([]);
    expect(completed('neuron("he|", 3) > 1', 1)).toBe('neuron("head.fc2"|, 3) > 1');
    expect(at('neuron("re|').offered[0]?.detail).toBe("16 neurons");
  });

  it("offers everything when it is asked for", () => {
    expect(completions(placeAt("", 0)!, KNOWN, true).map(({ label }) => label)).toEqual([
      "label",
      "length",
      "stars",
      "my text",
      "correct",
      "len(…)",
      "lower(…)",
      "contains(…)",
      "and",
      "or",
      "not",
      "in",
    ]);
  });

  it("puts the choice in the place of what is typed, also in the middle", () => {
    expect(completed("le|")).toBe("length|");
    expect(completed("not la|bx == 3")).toBe("not label| == 3");
    expect(completed("len|", 1)).toBe("len(|)");
    expect(completed("my|")).toBe('col("my text")|');
    expect(completed("a|")).toBe("and |");
  });

  it("offers the values of the column that is compared with", () => {
    expect(labels("label == |")).toEqual(["HUM", "hop", 'a "b"']);
    expect(labels("label != h|")).toEqual(["HUM", "hop"]);
    expect(labels('label=="ho|')).toEqual(["hop"]);
    expect(labels('col("my text") == |')).toEqual(["one", "two"]);
    expect(labels("correct == |")).toEqual(["true", "false"]);
    expect(labels('label in ["HUM", |')).toEqual(["HUM", "hop", 'a "b"']);
    expect(labels("label not in [|")).toEqual(["HUM", "hop", 'a "b"']);
    expect(labels('label.isin(["h|')).toEqual(["HUM", "hop"]);
    expect(labels("stars == |")).toEqual(["1", "12"]);
    expect(completed("stars == 1|", 1)).toBe("stars == 12|");
    expect(labels("length == |")).toEqual(["2", "8.123", "30", "40.25"]);
    expect(at("length == |").offered.map(({ detail }) => detail)).toEqual(["least", "median", "95 %", "most"]);
  });

  it("writes values as the language has them", () => {
    expect(completed("label == |")).toBe('label == "HUM"|');
    expect(completed("label == |", 2)).toBe('label == "a \\"b\\""|');
    expect(completed('label == "ho|" and correct')).toBe('label == "hop"| and correct');
    expect(completed("correct == t|")).toBe("correct == True|");
  });

  it("offers nothing where nothing fits", () => {
    for (const text of [
      'label == "HUM"|',
      "label == hop|",
      '"part|" in label',
      "length > 3|",
      "label.|",
      "unknown == |",
      "(|",
      "1 + [2, |",
    ])
      expect(labels(text)).toEqual([]);
  });

  it("reads what the plugin answers", () => {
    const known = vocabulary as Vocabulary;
    const place = placeAt("label == ", 9)!;
    expect(
      completions(place, known)
        .map(({ label }) => label)
        .sort(),
    ).toEqual(["eight", "nine", "three"]);
    expect(completions(placeAt("star", 4)!, known).map(({ label }) => label)).toEqual(["startswith(…)"]);
  });
});
