import { describe, expect, it } from "vitest";
import { combined, idExpression, negated, rangeExpression, searchExpressions } from "../../src/state/buildExpression";
import { sortQuery } from "../../src/state/matrices";
import { parseRowKey, type Row, rowKey } from "../../src/state/rowKeys";

const ROWS: Row[] = [
  { kind: "instance", index: 814 },
  { kind: "subset", name: "8" },
  { kind: "expression", expression: "score > 0.5" },
];

describe("rows", () => {
  it("are named by keys that lead back to them", () => {
    expect(ROWS.map(rowKey)).toEqual(["i:814", "s:8", "e:score > 0.5"]);
    expect(ROWS.map((row) => parseRowKey(rowKey(row)))).toEqual(ROWS);
    expect(parseRowKey("i:x")).toBeNull();
  });

  it("are sorted by their places; by the index once the row is gone", () => {
    expect(sortQuery({ by: "difference", a: "s:8", b: "i:814" }, ROWS)).toEqual({ by: "difference", a: 1, b: 0 });
    expect(sortQuery({ by: "row", a: "e:score > 0.5" }, ROWS)).toEqual({ by: "row", a: 2 });
    expect(sortQuery({ by: "row", a: "s:7" }, ROWS)).toEqual({ by: "index" });
    expect(sortQuery({ by: "clustered" }, ROWS)).toEqual({ by: "clustered" });
  });

  it("can be made of single instances", () => {
    expect(idExpression(["3", "17"], [], true)).toBe("id in [3, 17]");
    expect(idExpression(['a"b', "c"], [], false)).toBe('id in ["a\\"b", "c"]');
  });

  it("are said by those left out when they are too many to be listed, and not at all when both are", () => {
    const many = Array.from({ length: 10_001 }, (_, i) => String(i));
    expect(idExpression(many.slice(1), [], true)).toMatch(/^id in \[1, 2, .* 10000\]$/);
    expect(idExpression(many, ["-7"], true)).toBe("not (id in [-7])");
    expect(idExpression(many, many, true)).toBeNull();
  });

  it("are combined with parentheses where they are needed", () => {
    expect(combined("label == 8", "and", "correct")).toBe("label == 8 and correct");
    expect(combined("a == 1 or b", "and not", 'text == "this or that"')).toBe(
      '(a == 1 or b) and not text == "this or that"',
    );
    expect(combined("x in [1]", "or", "not y")).toBe("x in [1] or (not y)");
    expect(negated("loss > 2")).toBe("not loss > 2");
    expect(negated("a and b")).toBe("not (a and b)");
  });

  it("are ranges of a neuron", () => {
    expect(rangeExpression('a"b', 7, "0.5", "1.2")).toBe('0.5 <= neuron("a\\"b", 7) < 1.2');
    expect(rangeExpression("fc", 0, "0.5", null)).toBe('neuron("fc", 0) >= 0.5');
    expect(rangeExpression("fc", 0, null, "-1")).toBe('neuron("fc", 0) < -1');
  });

  it("are searches for an id or a part of the text, when words are typed that are no expression", () => {
    const columns = [
      { name: "id", type: "number" },
      { name: "label", type: "category" },
      { name: "my text", type: "text" },
      { name: "source", type: "category" },
      { name: "correct", type: "boolean" },
    ] as const;
    expect(searchExpressions("#814", columns)).toEqual(["id == 814", '"#814" in col("my text")', '"#814" in source']);
    expect(searchExpressions(" how many ", columns)).toEqual(['"how many" in col("my text")', '"how many" in source']);
    expect(searchExpressions("score < 0.5", columns)).toEqual([]);
    expect(searchExpressions("correct", columns)).toEqual([]);
    expect(searchExpressions("many", columns.slice(0, 2))).toEqual([]);
    expect(searchExpressions("a7", [{ name: "id", type: "text" }])).toEqual(['id == "a7"']);
  });
});
