import { effect } from "@preact/signals";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixtureSource } from "../../fixture/source";
import {
  addPickedRow,
  chooseLetter,
  clickInstance,
  clickRowName,
  moveRow,
  pick,
  pinInstance,
  removeRow,
} from "../../src/state/actions";
import { withClassNames } from "../../src/state/classNames";
import { columns, rows, setSource, snapshot } from "../../src/state/data";
import { classOfRow, letters, openLayers, pinned, rowName, sort } from "../../src/state/derived";
import { clearHover, setHover } from "../../src/state/hover";
import { matrixOf } from "../../src/state/matrices";
import { highlighted, membersOf } from "../../src/state/members";
import { refreshRuns } from "../../src/state/poll";
import { expressionKey, rowKey, subsetKey } from "../../src/state/rowKeys";
import { typedRow } from "../../src/state/typed";
import { expression, selection } from "../../src/state/view";

const settled = async (ready: () => boolean): Promise<void> => {
  for (let i = 0; i < 200 && !ready(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(ready()).toBe(true);
};

let stop: () => void;

beforeAll(async () => {
  setSource(fixtureSource());
  await refreshRuns();
  stop = effect(() => void [highlighted.value, snapshot.value, columns.value]);
  await settled(() => columns.value.status === "ready" && snapshot.value.status === "ready");
});
afterAll(() => stop());

const known = () => columns.value.value!;

describe("rows", () => {
  it("are at first the classes, and the open layers the last two", () => {
    expect(rows.value.map(rowName)).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    expect(openLayers.value).toEqual(["head.fc1", "head.fc2"]);
    expect(classOfRow(subsetKey("8"))).toBe(8);
    expect(classOfRow(subsetKey("wrong"))).toBe(-1);
  });

  it("hold pinned instances first, and a clicked one is selected", () => {
    pinInstance(5);
    clickInstance(3);
    clickInstance(3);
    expect(pinned.value).toEqual([5, 3]);
    expect(rows.value.slice(0, 3).map(rowKey)).toEqual(["i:5", "i:3", "s:0"]);
    expect(selection.value).toEqual({ kind: "instance", index: 3 });
    moveRow("i:3", 0);
    expect(pinned.value).toEqual([3, 5]);
    removeRow("i:5");
    removeRow("i:3");
    expect(pinned.value).toEqual([]);
  });

  it("are sorted by a click, by their difference with shift, and no more when one goes", () => {
    clickRowName("s:8", false);
    clickRowName("s:3", true);
    expect(sort.value).toEqual({ by: "difference", a: "s:8", b: "s:3" });
    removeRow("s:3");
    expect(sort.value).toEqual({ by: "clustered" });
  });

  it("are A and B by a click on a letter, which changes places, moves on, or is taken away", () => {
    chooseLetter("a", "s:8");
    expect(sort.value).toEqual({ by: "row", a: "s:8" });
    chooseLetter("b", "s:1");
    expect(sort.value).toEqual({ by: "difference", a: "s:8", b: "s:1" });
    chooseLetter("a", "s:1");
    expect(letters.value).toEqual({ a: "s:1", b: "s:8" });
    chooseLetter("b", "s:5");
    expect(letters.value).toEqual({ a: "s:1", b: "s:5" });
    chooseLetter("b", "s:5");
    expect(sort.value).toEqual({ by: "row", a: "s:1" });
    chooseLetter("a", "s:1");
    expect(letters.value).toEqual({ a: null, b: null });
    expect(sort.value).toEqual({ by: "clustered" });
  });

  it("are compared with what is typed by one click, which makes a row of it", async () => {
    expression.value = "label == 8 and score < 0.9";
    const key = expressionKey(expression.value);
    await settled(() => typedRow.value === key);
    chooseLetter("b", key);
    expect(letters.value).toEqual({ a: null, b: null });
    chooseLetter("b", "s:8");
    expect(letters.value).toEqual({ a: key, b: "s:8" });
    expect(rows.value.map(rowKey)).toContain(key);
    expect(expression.value).toBe("");
    removeRow(key);
    expect(sort.value).toEqual({ by: "clustered" });
  });

  it("can be made of what was picked", async () => {
    pick({ name: "lasso", indices: Int32Array.of(7, 11) });
    expect(highlighted.value?.reduce((sum, value) => sum + value, 0)).toBe(2);
    const key = addPickedRow();
    const ids = [known().ids[7], known().ids[11]].join(", ");
    expect(key).toBe(expressionKey(`id in [${ids}]`));
    expect(rowName(rows.value.at(-1)!)).toBe("lasso");
    const matrix = matrixOf("head.fc1");
    const end = effect(() => void matrix.value);
    await settled(() => matrix.value.status === "ready");
    expect(matrix.value.value?.rows.at(-1)).toEqual({ source: "sample", n: 2, seen: 899, packed: false });
    end();
  });
});

describe("lit", () => {
  const count = (mask: Uint8Array | null): number => mask?.reduce((sum, value) => sum + value, 0) ?? -1;

  it("follows the hover: a class, an instance, an expression, nothing", async () => {
    setHover({ row: subsetKey("8"), layer: "head.fc1", neuron: 2 });
    expect(count(highlighted.value)).toBe(Array.from(known().label).filter((label) => label === 8).length);
    setHover({ instance: 4 });
    expect([count(highlighted.value), highlighted.value?.[4]]).toEqual([1, 1]);
    setHover({ row: expressionKey("score < 0.9 and not correct") });
    await settled(() => highlighted.value !== null);
    const { score, correct } = known();
    expect(count(highlighted.value)).toBe(
      Array.from(score.keys()).filter((i) => score[i]! < 0.9 && correct[i] === 0).length,
    );
    clearHover();
    expect(highlighted.value).toBeNull();
  });

  it("knows declared subsets without asking", () => {
    expect(count(membersOf(subsetKey("all")))).toBe(899);
    expect(count(membersOf(subsetKey("wrong"))) + count(membersOf(subsetKey("correct")))).toBe(899);
    expect(membersOf(subsetKey("unknown"))).toBeNull();
  });
});

describe("withClassNames", () => {
  it("names classes by their index where nobody did", () => {
    const read = { ...snapshot.value.value!, class_names: [] };
    expect(withClassNames(read).class_names).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    expect(withClassNames({ ...read, task: "regression" }).class_names).toEqual([]);
  });
});
