import { describe, expect, it } from "vitest";
import { classesBetween, inOrderOf, pairUp, placesInOrder } from "../../src/layout/pairing";
import { columnsOf } from "./columns";

describe("instances of two snapshots", () => {
  it("are matched by id, wherever they are", () => {
    expect(pairUp(["a", "b", "c", "d"], ["d", "x", "b"])).toEqual({ indexOf: Int32Array.of(-1, 2, -1, 0), both: 2 });
    expect(pairUp(["a"], [])).toEqual({ indexOf: Int32Array.of(-1), both: 0 });
  });

  it("have the second's values in the first's order, and none where only the first kept them", () => {
    const first = columnsOf(["a", "b", "c"]);
    const second = columnsOf(["c", "x", "a"], {
      label: Int32Array.of(0, 1, 2),
      prediction: Int32Array.of(2, 1, -1),
      correct: Uint8Array.of(0, 1, 1),
      score: Float32Array.of(0.5, 0.25, 0.125),
      extra: new Map([
        ["kind", { values: Int32Array.of(4, 5, 6), categories: [], since: null }],
        ["size", { values: Float32Array.of(1, 2, 3), categories: null, since: null }],
      ]),
    });
    const found = inOrderOf(first, second, pairUp(first.ids, second.ids), null);
    expect(found.ids).toEqual(["a", "b", "c"]);
    expect(found.label).toEqual(Int32Array.of(2, -1, 0));
    expect(found.prediction).toEqual(Int32Array.of(-1, -1, 2));
    expect(found.correct).toEqual(Uint8Array.of(1, 255, 0));
    expect(found.score).toEqual(Float32Array.of(0.125, NaN, 0.5));
    expect(found.extra.get("kind")?.values).toEqual(Int32Array.of(6, -1, 4));
    expect(found.extra.get("size")?.values).toEqual(Float32Array.of(3, NaN, 1));
  });

  it("have classes of the same name where the two number them otherwise", () => {
    expect(classesBetween(["ant", "bee"], ["ant", "bee"])).toBeNull();
    expect(classesBetween([], ["ant"])).toBeNull();
    const classes = classesBetween(["ant", "bee"], ["bee", "cat", "ant"]);
    expect(classes).toEqual(Int32Array.of(1, -1, 0));
    const ids = ["p", "q", "r"];
    const second = columnsOf(ids, { label: Int32Array.of(0, 1, 2) });
    expect(inOrderOf(columnsOf(ids), second, pairUp(ids, ids), classes).label).toEqual(Int32Array.of(1, -1, 0));
  });

  it("have targets that are numbers", () => {
    const ids = ["p", "q"];
    const second = columnsOf(["q"], { label: Float32Array.of(2.5), prediction: Float32Array.of(-1.5) });
    const found = inOrderOf(columnsOf(ids), second, pairUp(ids, ["q"]), null);
    expect(found.label).toEqual(Float32Array.of(NaN, 2.5));
    expect(found.prediction).toEqual(Float32Array.of(NaN, -1.5));
  });

  it("have the second's places in the first's order", () => {
    const places = placesInOrder(Float32Array.of(1, 2, 3, 4), pairUp(["a", "b"], ["b", "c"]));
    expect(places).toEqual(Float32Array.of(NaN, NaN, 1, 2));
  });
});
