import { expect, test } from "vitest";
import { allOf, columnFilter } from "../../src/views/instances/filter";

const score = { name: "score", type: "number" } as const;
const text = { name: "my text", type: "text" } as const;
const label = { name: "label", type: "category" } as const;
const classes = (name: string): string | null => (name === "HUM" ? 'label == "HUM"' : null);

test("numbers: compared, equal, between, and with a real minus sign", () => {
  expect(columnFilter(score, "> 0.6")).toEqual({ expression: "score > 0.6" });
  expect(columnFilter(score, "0.5")).toEqual({ expression: "score == 0.5" });
  expect(columnFilter(score, "−1..2e3")).toEqual({ expression: "score >= -1 and score <= 2e3" });
  expect(columnFilter(score, "high")).toHaveProperty("wrong");
  expect(columnFilter(score, "  ")).toBeNull();
});

test("texts: a part of it, or all; quotes cannot break out", () => {
  expect(columnFilter(text, "who")).toEqual({ expression: '"who" in col("my text")' });
  expect(columnFilter(text, '= "who"')).toEqual({ expression: 'col("my text") == "who"' });
  expect(columnFilter(text, '" or True')).toEqual({ expression: '"\\" or True" in col("my text")' });
});

test("times: a day, compared, between; with or without the time of day", () => {
  const taken = { name: "taken", type: "time" } as const;
  expect(columnFilter(taken, "2024-02-28")).toEqual({ expression: 'taken >= "2024-02-28" and taken < "2024-02-29"' });
  expect(columnFilter(taken, ">= 2024-05-01 12:30")).toEqual({ expression: 'taken >= "2024-05-01T12:30"' });
  expect(columnFilter(taken, "2024-05-01..2024-06-01")).toEqual({
    expression: 'taken >= "2024-05-01" and taken <= "2024-06-01"',
  });
  expect(columnFilter(taken, "May")).toHaveProperty("wrong");
  expect(columnFilter(taken, "2024-99-01")).toHaveProperty("wrong");
});

test("a kind of column that is not known is said", () => {
  expect(() => columnFilter({ name: "x", type: "colour" as "text" }, "red")).toThrow('Nothing here knows "colour"');
});

test("classes by the test that their subset declares; yes and no", () => {
  expect(columnFilter(label, "HUM", classes)).toEqual({ expression: 'label == "HUM"' });
  expect(columnFilter({ ...label, name: "prediction" }, "!= HUM", classes)).toEqual({
    expression: 'not (prediction == "HUM")',
  });
  expect(columnFilter(label, "HU", classes)).toEqual({ expression: '"HU" in label' });
  expect(columnFilter({ name: "correct", type: "boolean" }, "wrong")).toEqual({ expression: "not correct" });
});

test("several filters hold together", () => {
  expect(allOf([null, { wrong: "no" }])).toBeNull();
  expect(allOf([{ expression: "a" }, null])).toBe("a");
  expect(allOf([{ expression: "a or b" }, { expression: "c" }])).toBe("(a or b) and (c)");
});
