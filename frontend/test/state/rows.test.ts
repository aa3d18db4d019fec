import { describe, expect, it } from "vitest";
import { sortQuery } from "../../src/state/data";
import { idExpression, type Row, rowKey, rowOfKey } from "../../src/state/rows";

const ROWS: Row[] = [
  { kind: "instance", row: 814 },
  { kind: "subset", name: "8" },
  { kind: "expression", expression: "score > 0.5" },
];

describe("rows", () => {
  it("are named by keys that lead back to them", () => {
    expect(ROWS.map(rowKey)).toEqual(["i:814", "s:8", "e:score > 0.5"]);
    expect(ROWS.map((row) => rowOfKey(rowKey(row)))).toEqual(ROWS);
    expect(rowOfKey("i:x")).toBeNull();
  });

  it("are sorted by their places; by the index once the row is gone", () => {
    expect(sortQuery({ by: "difference", a: "s:8", b: "i:814" }, ROWS)).toEqual({ by: "difference", a: 1, b: 0 });
    expect(sortQuery({ by: "row", a: "e:score > 0.5" }, ROWS)).toEqual({ by: "row", a: 2 });
    expect(sortQuery({ by: "row", a: "s:7" }, ROWS)).toEqual({ by: "index" });
    expect(sortQuery({ by: "clustered" }, ROWS)).toEqual({ by: "clustered" });
  });

  it("can be made of single instances", () => {
    expect(idExpression(["3", "17"], true)).toBe("id in [3, 17]");
    expect(idExpression(['a"b', "c"], false)).toBe('id in ["a\\"b", "c"]');
  });
});
