import { describe, expect, it } from "vitest";
import {
  chanceOf,
  chanceText,
  countsOf,
  identityOf,
  keysOf,
  type Listed,
  strengthOf,
  withClasses,
} from "../../src/draw/findingWords";

const finding = (fields: Partial<Listed>): Listed => ({
  kind: "failing-slice",
  title: "site = D fails",
  sentence:
    "site = D: 41 of 99 wrong (41 %), 2.2 % expected from its classes elsewhere; p = .005 over 5,700 candidates, 199 shuffles.",
  strength: 0.394,
  p: 0.005,
  subset: 'site == "D"',
  layer: null,
  target: null,
  neurons: [],
  instances: [],
  step: 40,
  ...fields,
});

describe("a finding in words", () => {
  it("has its counts without p, and without the subject that its title has", () => {
    expect(countsOf(finding({}))).toBe("41 of 99 wrong (41 %), 2.2 % expected from its classes elsewhere");
    expect(chanceOf(finding({}).sentence)).toBe("over 5,700 candidates, 199 shuffles");
  });

  it("keeps sentences that begin otherwise", () => {
    const sentence =
      "The representation of head jumped between steps 40 and 50: 1 − CKA is 0.31, 3.4 times that before.";
    expect(countsOf(finding({ title: "head jumped between steps 40 and 50", sentence }))).toBe(sentence.slice(0, -1));
    expect(countsOf(finding({ title: "8 is taken for 1", sentence: "8 is taken for 1 in 7 of 87 (8%)." }))).toBe(
      "in 7 of 87 (8%)",
    );
    expect(chanceOf(sentence)).toBe("");
  });

  it("says its strength in its own unit", () => {
    expect(strengthOf(finding({}))).toBe("39% of errors");
    expect(strengthOf(finding({ kind: "dead", neurons: [1, 2, 5] }), 64)).toBe("3 of 64");
    expect(strengthOf(finding({ kind: "dead", neurons: [1, 2, 5] }))).toBe("3 neurons");
    // What is not all is not called 100 %.
    expect(strengthOf(finding({ kind: "collapsed", strength: 0.99999 }))).toBe("99.9% of variance");
    expect(strengthOf(finding({ kind: "shortcut", strength: 0.293 }))).toBe("+29 points");
    // A kind that this tab does not know.
    expect(strengthOf(finding({ kind: "new-kind" as Listed["kind"] }))).toBe("0.39");
  });

  it("says p, or why there is none", () => {
    expect([0.005, 0.025, 0.05, 1].map((p) => chanceText({ kind: "failing-slice", p }))).toEqual([
      ".005",
      ".025",
      ".05",
      "1",
    ]);
    expect(chanceText({ kind: "dead", p: null })).toBe("exact");
    expect(chanceText({ kind: "spike", p: null })).toBe("–");
  });

  it("has one identity at every step, and a key of its own", () => {
    expect(identityOf(finding({ step: 40 }))).toBe(identityOf(finding({ step: 280, strength: 0.1 })));
    const died = [30, 40].map((step) => finding({ kind: "dead", subset: null, layer: "head", step }));
    expect(new Set(keysOf(died)).size).toBe(2);
    expect(new Set(died.map(identityOf)).size).toBe(1);
    expect(identityOf(finding({ kind: "shortcut", target: "8" }))).not.toBe(
      identityOf(finding({ kind: "shortcut", target: "9" })),
    );
  });
});

describe("classes in a text", () => {
  const names = ["1", "8", "cat", "cat and dog"];

  it("are found where one is said to be named, the longest name first", () => {
    expect(withClasses("site = D is taken for cat and dog", names)).toEqual([
      { text: "site = D is taken for " },
      { text: "cat and dog", class: 3 },
    ]);
    expect(withClasses("8 is taken for 1 in 8 of 87", names)).toEqual([
      { text: "8", class: 1 },
      { text: " is taken for " },
      { text: "1", class: 0 },
      { text: " in 8 of 87" },
    ]);
    expect(withClasses("labelled 8, which looks like cat.", names).map((part) => part.class)).toEqual([
      undefined,
      1,
      undefined,
      2,
      undefined,
    ]);
  });

  it("are not numbers and parts of words", () => {
    expect(withClasses("8 of 87 wrong, label = 81", names)).toEqual([{ text: "8 of 87 wrong, label = 81" }]);
    expect(withClasses("", names)).toEqual([]);
  });
});
